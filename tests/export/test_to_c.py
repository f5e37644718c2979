"""C from int8 networks: what is written, what it takes, and that it compiles without a warning."""

import shutil
import subprocess

import keras
import numpy as np
import pytest
from firmware_networks import NETWORKS, network
from hypothesis import given, settings
from hypothesis import strategies as st
from integer_models import convolution_model

from keras_shiftadd import export
from keras_shiftadd.export._c.arena import Buffer, aligned, most_at_once, place_buffers
from keras_shiftadd.export._c.figures import figures
from keras_shiftadd.export._c.kernels import KERNELS
from keras_shiftadd.export._c.memory import plan_memory
from keras_shiftadd.export._targets import TARGETS
from keras_shiftadd.export._tflite.write_model import write_model
from keras_shiftadd.layers import AdderConv1D

pytestmark = pytest.mark.once
STRICT = ("-std=c99", "-Wall", "-Wextra", "-Wconversion", "-pedantic", "-Werror")
SANITIZERS = ("-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")


def c_compiler():
    name = next(filter(shutil.which, ("cc", "gcc", "clang")), None)
    if name is None:
        pytest.skip("a C compiler is missing: apt install gcc")
    return name


def run_command(*command, cwd=None):
    done = subprocess.run(
        command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.mark.parametrize("target", ["cortex-m4", "rv32i"])
@pytest.mark.parametrize("name", NETWORKS)
def test_the_recorded_outputs_come_out_under_sanitizers_and_without_a_warning(
    name, target, tmp_path
):
    model, x, _ = network(name)
    export.to_c(model, tmp_path / "firmware", target=target, test_data=x)
    program = str(tmp_path / "test_model")
    sources = map(str, (tmp_path / "firmware").glob("*.c"))
    run_command(c_compiler(), *STRICT, *SANITIZERS, *sources, "-o", program)
    assert "3 of 3 samples as recorded" in run_command(program)


def test_the_makefile_runs_the_test(tmp_path):
    if shutil.which("make") is None:
        pytest.skip("make is missing: apt install make")
    c_compiler()
    model, x, _ = network("residual")
    export.to_c(model, tmp_path / "firmware", test_data=x)
    assert "3 of 3" in run_command("make", "-s", "test", cwd=tmp_path / "firmware")
    assert (tmp_path / "firmware" / "build" / "libmodel.a").exists()
    # What was built there does not stand in the way of the next export.
    export.to_c(model, tmp_path / "firmware", test_data=x)
    assert not (tmp_path / "firmware" / "build").exists()


def test_a_wrong_output_fails_the_test(tmp_path):
    model, x, expected = network("residual")
    folder = tmp_path / "firmware"
    export.to_c(model, folder, test_data=x)
    text, first = (folder / "test_model.c").read_text(), expected.ravel()[:2]
    start = text.index("outputs[")
    numbers = text[start:].replace(f"{first[0]}, {first[1]}", f"{~first[0]}, {first[1]}", 1)
    (folder / "test_model.c").write_text(text[:start] + numbers)
    program = str(tmp_path / "test_model")
    run_command(c_compiler(), *map(str, folder.glob("*.c")), "-o", program)
    done = subprocess.run([program], stdout=subprocess.PIPE, text=True)
    assert done.returncode == 1
    assert "2 of 3 samples as recorded" in done.stdout


def test_a_keras_model_is_quantized(tmp_path, rng):
    model = keras.Sequential(
        [
            keras.Input((12, 3)),
            keras.layers.Conv1D(4, 3, padding="same", activation="relu"),
            AdderConv1D(6, 3),
            keras.layers.BatchNormalization(),
            keras.layers.GlobalAveragePooling1D(),
            keras.layers.Dense(3),
        ]
    )
    x = rng.normal(size=(32, 12, 3)).astype("float32")
    export.to_c(model, tmp_path / "firmware", calibration_data=x)
    run_command(
        c_compiler(), *map(str, (tmp_path / "firmware").glob("*.c")), "-o", str(tmp_path / "test")
    )
    assert "4 of 4" in run_command(str(tmp_path / "test"))
    header = (tmp_path / "firmware" / "model.h").read_text()
    assert "#define MODEL_INPUT_SIZE 36\n" in header


def test_a_tflite_file_is_read(tmp_path):
    model, _, _ = network("residual")
    (tmp_path / "model.tflite").write_bytes(write_model(model))
    export.to_c(tmp_path / "model.tflite", tmp_path / "from_file")
    export.to_c(model, tmp_path / "from_model")
    for name in ("model.c", "test_model.c"):
        texts = {(tmp_path / folder / name).read_text() for folder in ("from_file", "from_model")}
        assert len(texts) == 1


@st.composite
def _buffers(draw):
    starts = draw(st.lists(st.integers(0, 10), min_size=1, max_size=14))
    return [
        Buffer(str(i), draw(st.integers(1, 60)), first, first + draw(st.integers(0, 6)))
        for i, first in enumerate(starts)
    ]


@settings(deadline=None)
@given(_buffers())
def test_buffers_that_live_together_do_not_overlap(buffers):
    offsets, size = place_buffers(buffers)
    for i, first in enumerate(buffers):
        assert offsets[i] % 4 == 0
        assert offsets[i] + first.size <= size
        for j, second in enumerate(buffers[:i]):
            if first.meets(second):
                assert (
                    offsets[i] + first.size <= offsets[j] or offsets[j] + second.size <= offsets[i]
                )
    assert most_at_once(buffers) <= size <= sum(aligned(b.size) for b in buffers)


def test_the_arena_takes_no_more_than_what_lives_at_once():
    model, _, _ = network("residual")
    plan = plan_memory(model, [0] * len(model.operators))
    assert plan.arena_bytes == most_at_once([placed.buffer for placed in plan.buffers])


def test_operators_work_in_place_where_nothing_reads_their_input_afterwards():
    model, _, _ = network("residual")
    plan = plan_memory(model, [0] * len(model.operators))
    places = {o.name: (plan.tensors[o.inputs[0]], plan.tensors[o.output]) for o in model.operators}
    assert places["sigmoid_5"][0] == places["sigmoid_5"][1]
    assert places["multiply_6"][0] == places["multiply_6"][1]
    # The pooling behind it reads what the adder layer reads, too.
    first, second = places["adder_10"]
    assert first != second


def test_the_report_names_kernels_reasons_and_memory(tmp_path):
    model, x, _ = network("convolutions")
    report = export.to_c(model, tmp_path / "firmware", target="cortex-m4", test_data=x)
    assert len(report.layers) == len(model.operators) - 1  # a reshape is no code
    kernels = {layer.name: layer.kernel for layer in report.layers}
    assert kernels["adder_6"] == "adder_conv_dsp"
    assert report.ram_bytes == report.arena_bytes + 11 * 9 * 3 + 6
    assert all(
        layer.function in (tmp_path / "firmware/model.c").read_text() for layer in report.layers
    )
    for part in ("adder_conv_dsp", "fewest instructions", "Arena", f"{report.flash_bytes:,}"):
        assert part in str(report)


def test_less_memory_takes_kernels_with_less_scratch(tmp_path, rng):
    model = convolution_model(rng, "conv", (4, 4, 48), 8)
    fast = export.to_c(model, tmp_path / "fast", target="cortex-m4")
    scratch = fast.layers[0].scratch_bytes
    assert scratch > 0
    budget = fast.ram_bytes - 1
    small = export.to_c(model, tmp_path / "small", target="cortex-m4", ram_budget=budget)
    assert small.ram_bytes <= budget
    assert small.layers[0].scratch_bytes < scratch
    assert "needs more memory" in small.layers[0].reason
    assert small.layers[0].instructions > fast.layers[0].instructions


def test_less_flash_takes_kernels_with_shorter_weights(tmp_path, rng):
    model = convolution_model(rng, "conv", (6, 6, 16), 16, rounding="single")
    fast = export.to_c(model, tmp_path / "fast", target="cortex-m0")
    budget = fast.flash_bytes * 2 // 3
    small = export.to_c(model, tmp_path / "small", target="cortex-m0", flash_budget=budget)
    assert small.flash_bytes <= budget
    assert small.layers[0].flash_bytes < fast.layers[0].flash_bytes
    assert "needs more flash" in small.layers[0].reason


@pytest.mark.parametrize(
    ("budget", "words"),
    [
        (
            {"ram_budget": 500},
            ("`ram_budget`", "ram_budget=500 bytes", "arena", "Nothing was written"),
        ),
        ({"flash_budget": 4000}, ("flash_budget=4,000", "constants", "cortex-m0")),
    ],
)
def test_a_network_too_large_for_the_part_is_refused_with_the_numbers(budget, words, tmp_path):
    model, _, _ = network("convolutions")
    with pytest.raises(export.BudgetExceeded) as caught:
        export.to_c(model, tmp_path / "firmware", target="cortex-m0", **budget)
    assert all(word in str(caught.value) for word in words)
    assert not list(tmp_path.iterdir())


def test_a_folder_with_other_files_is_left_alone(tmp_path):
    model, _, _ = network("residual")
    (tmp_path / "main.c").write_text("mine")
    with pytest.raises(FileExistsError, match=r"main\.c"):
        export.to_c(model, tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["main.c"]


def test_a_failed_export_leaves_the_earlier_one(tmp_path, monkeypatch):
    model, _, _ = network("residual")
    folder = tmp_path / "firmware"
    export.to_c(model, folder)
    before = {file.name: file.read_bytes() for file in folder.iterdir()}

    def fail(*arguments, **keywords):
        raise OSError("the disk is full")

    monkeypatch.setattr("pathlib.Path.write_text", fail)
    with pytest.raises(OSError, match="disk is full"):
        export.to_c(network("convolutions")[0], folder)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before
    assert [file.name for file in tmp_path.iterdir()] == ["firmware"]


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"target": "cortex-m5"}, ValueError, "one of portable, x86, cortex-m4"),
        ({"ram_budget": 0}, ValueError, "`ram_budget`"),
        ({"test_data": np.zeros((2, 3), np.int8)}, ValueError, r"\(samples, 12, 10, 3\)"),
        ({"folder": 3}, TypeError, "`folder`"),
        ({"model": 3}, TypeError, "`model`"),
        ({"model": "missing.tflite"}, FileNotFoundError, r"missing\.tflite"),
        ({"model": keras.Sequential()}, ValueError, "calibration_data=None"),
    ],
)
def test_arguments_are_checked(arguments, error, words, tmp_path):
    arguments = {"model": network("residual")[0], "folder": tmp_path / "firmware", **arguments}
    with pytest.raises(error, match=words):
        export.to_c(**arguments)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("target", [name for name, target in TARGETS.items() if target.core])
def test_every_kernel_has_figures_on_every_processor(target):
    missing = set(KERNELS) - set(figures(target).instructions)
    assert not missing, "python benchmarks/firmware_figures.py --write measures them"
