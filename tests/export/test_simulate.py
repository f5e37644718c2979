"""Generated C in emulators: the bits of the reference, and the instructions."""

import shutil

import numpy as np
import pytest
from firmware_networks import NETWORKS, network

from keras_shiftadd import export

pytest.importorskip("ziglang", reason='needs ziglang: pip install "keras-shiftadd[micro]"')
pytest.importorskip("unicorn", reason='needs unicorn: pip install "keras-shiftadd[micro]"')
pytestmark = pytest.mark.once
PROGRAMS = {
    "cortex-m4": ("qemu-system-arm", "arm-none-eabi-gcc"),
    "rv32i": ("qemu-system-riscv32", "riscv64-unknown-elf-gcc"),
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    made = {}

    def folder(name, target):
        if (name, target) not in made:
            path = tmp_path_factory.mktemp("firmware") / name
            made[name, target] = path, export.to_c(network(name)[0], path, target=target)
        return made[name, target]

    return folder


@pytest.mark.parametrize("target", ["cortex-m4", "cortex-m33", "cortex-m0", "rv32i"])
@pytest.mark.parametrize("name", NETWORKS)
def test_outputs_are_those_of_the_reference_and_sizes_those_of_the_report(name, target, folders):
    folder, report = folders(name, target)
    _, x, expected = network(name)
    simulation = export.simulate(folder, target, x)
    np.testing.assert_array_equal(simulation.outputs, expected)
    assert simulation.flash_bytes == pytest.approx(report.flash_bytes, rel=0.05)
    assert simulation.ram_bytes == report.arena_bytes
    layers = simulation.instructions_per_layer
    assert list(layers) == ["model_invoke", *(layer.function for layer in report.layers)]
    assert min(layers.values()) > 0
    assert sum(layers.values()) == pytest.approx(np.mean(simulation.instructions_per_sample))
    assert 0 < simulation.stack_bytes < 2048


@pytest.mark.parametrize("name", NETWORKS)
def test_outputs_on_this_machine_are_those_of_the_reference(name, folders):
    if not any(map(shutil.which, ("cc", "gcc", "clang"))):
        pytest.skip("a C compiler is missing: apt install gcc")
    folder, _ = folders(name, "portable")
    _, x, expected = network(name)
    simulation = export.simulate(folder, "portable", x)
    np.testing.assert_array_equal(simulation.outputs, expected)
    assert simulation.instructions is None
    assert "emulated processors only" in str(simulation)


@pytest.mark.parametrize(
    ("target", "compiler"), [("cortex-m4", "zig"), ("cortex-m4", "gcc"), ("rv32i", "zig")]
)
def test_qemu_agrees_to_the_instruction(target, compiler, folders):
    emulator, gcc = PROGRAMS[target]
    for program in (emulator, gcc) if compiler == "gcc" else (emulator,):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is missing: see docs/export_c.md, `engine`")
    folder, _ = folders("residual", target)
    _, x, expected = network("residual")
    counts = []
    for engine in ("unicorn", "qemu"):
        simulation = export.simulate(folder, target, x, engine=engine, compiler=compiler)
        np.testing.assert_array_equal(simulation.outputs, expected)
        counts.append((simulation.instructions_per_sample, simulation.instructions_per_layer))
    assert counts[0] == counts[1]


def test_float_inputs_are_quantized(folders):
    folder, _ = folders("residual", "cortex-m4")
    model, x, expected = network("residual")
    floats = model.tensors[model.input].quantization.dequantize(x)
    simulation = export.simulate(folder, "cortex-m4", floats)
    np.testing.assert_array_equal(simulation.outputs, expected)
    assert "instructions an inference" in str(simulation)


def test_missing_programs_are_named_in_one_message(folders, monkeypatch, tmp_path):
    folder, _ = folders("residual", "cortex-m4")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"arm-none-eabi-gcc.*apt-get install.*qemu"):
        export.simulate(folder, "cortex-m4", network("residual")[1], engine="qemu")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"target": "z80"}, "`target` must be one of"),
        ({"engine": "renode"}, "`engine` must be one of unicorn, qemu"),
        ({"compiler": "icc"}, "`compiler` must be one of zig, gcc"),
        ({"inputs": np.zeros((1, 3), np.int8)}, r"shape \(samples, 12, 10, 3\)"),
        ({"inputs": np.zeros((1, 12, 10, 3), np.int32)}, "int8 numbers, or finite float"),
    ],
)
def test_arguments_are_checked(arguments, words, folders):
    folder, _ = folders("residual", "cortex-m4")
    arguments = {"target": "cortex-m4", "inputs": network("residual")[1], **arguments}
    with pytest.raises(ValueError, match=words):
        export.simulate(folder, **arguments)


def test_a_folder_without_a_network_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"has no model\.h"):
        export.simulate(tmp_path, "cortex-m4", np.zeros((1, 4), np.int8))
