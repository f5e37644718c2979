"""The commands `summary`, `export`, `audit`, `status` and `build`."""

import json

import keras
import numpy as np
import pytest

import keras_shiftadd as ksa
from keras_shiftadd.cli import main
from keras_shiftadd.custom_ops import _builder

EXPORT_EXTRA = "ai-edge-litert is missing: pip install 'keras-shiftadd[export]'"


def one_error_line(capsys):
    """The message on stderr, which is one line and no traceback."""
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("keras-shiftadd: error: ")
    return lines[0]


def test_summary_prints_the_table(model_file, capsys):
    assert main(["summary", str(model_file)]) == 0
    expected = ksa.summary(ksa.load_model(model_file), verbose=False)
    assert capsys.readouterr().out == f"{expected}\n"


def test_summary_as_json_has_the_exact_figures(model_file, capsys):
    arguments = ["summary", str(model_file), "--json", "--bits", "32", "--accounting", "paper"]
    assert main(arguments) == 0
    data = json.loads(capsys.readouterr().out)
    model = ksa.load_model(model_file)
    assert data == ksa.summary(model, bits=32, accounting="paper", verbose=False).to_dict()


def test_summary_of_a_model_with_open_sizes_takes_input_shape(open_model_file, capsys):
    assert main(["summary", str(open_model_file)]) == 2
    assert "input_shape" in one_error_line(capsys)
    assert main(["summary", str(open_model_file), "--input-shape", "8,8,2", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["totals"]["multiply"] == 36 * 9 * 2 * 4


def test_summary_for_a_processor_shows_its_instructions(model_file, capsys):
    assert main(["summary", str(model_file), "--target", "rv32i"]) == 0
    expected = ksa.summary(ksa.load_model(model_file), target="rv32i", verbose=False)
    assert capsys.readouterr().out == f"{expected}\n"


def test_summary_for_an_unknown_target_names_the_known_ones(model_file, capsys):
    assert main(["summary", str(model_file), "--target", "abacus"]) == 2
    message = one_error_line(capsys)
    assert all(name in message for name in ksa.cost.HARDWARE)


def test_help_of_summary_names_every_target(capsys):
    with pytest.raises(SystemExit):
        main(["summary", "--help"])
    text = capsys.readouterr().out
    assert all(name in text for name in ksa.cost.HARDWARE)


class TestExport:
    @pytest.fixture(autouse=True)
    def _needs_litert(self):
        pytest.importorskip("ai_edge_litert", reason=EXPORT_EXTRA)

    @pytest.fixture
    def samples(self, tmp_path, rng):
        """Files of inputs, and of inputs with labels."""
        x = rng.normal(size=(12, 8, 8, 2)).astype("float32")
        np.save(tmp_path / "x.npy", x)
        np.savez(tmp_path / "data.npz", x=x, y=np.arange(12) % 3)
        return tmp_path

    def export(self, model_file, *arguments):
        return main(["export", str(model_file), "--to", "tflite", *map(str, arguments)])

    def test_writes_beside_the_model_by_default(self, model_file, samples, capsys):
        assert self.export(model_file, "--calibration", samples / "x.npy") == 0
        written = samples / "small.tflite"
        assert written.read_bytes()[4:8] == b"TFL3"
        assert str(written) in capsys.readouterr().out

    def test_custom_kernels_are_what_the_file_has(self, model_file, samples, capsys):
        arguments = ["--calibration", samples / "x.npy", "--kernels", "custom"]
        assert self.export(model_file, *arguments) == 0
        network = ksa.export.read_tflite(samples / "small.tflite")
        assert network.tensors[network.input].shape == (8, 8, 2)
        assert "int8" in capsys.readouterr().out

    def test_reports_the_accuracy_on_labels_of_an_npz(self, model_file, samples, capsys):
        data, output = samples / "data.npz", samples / "other.tflite"
        arguments = ["--calibration", samples / "x.npy", "--evaluation", data, "--labels", data]
        assert self.export(model_file, *arguments, "--output", output) == 0
        assert "accuracy: float" in capsys.readouterr().out
        assert output.exists()
        assert not (samples / "small.tflite").exists()

    def test_npz_without_x_is_refused(self, model_file, tmp_path, capsys):
        np.savez(tmp_path / "data.npz", inputs=np.zeros(3), targets=np.zeros(3))
        assert self.export(model_file, "--calibration", tmp_path / "data.npz") == 2
        assert "array named 'x'" in one_error_line(capsys)

    @pytest.mark.parametrize("content", [None, b"", b"no array"])
    def test_file_that_is_no_array_is_refused(self, model_file, tmp_path, content, capsys):
        file = tmp_path / "x.npy"
        if content is not None:
            file.write_bytes(content)
        assert self.export(model_file, "--calibration", file) == 2
        assert "--calibration" in one_error_line(capsys)

    def test_calibration_of_another_shape_leaves_no_file(self, model_file, tmp_path, rng, capsys):
        np.save(tmp_path / "x.npy", rng.normal(size=(12, 9, 9, 2)))
        assert self.export(model_file, "--calibration", tmp_path / "x.npy") == 2
        assert "calibration_data" in one_error_line(capsys)
        assert {file.name for file in tmp_path.iterdir()} == {"small.keras", "x.npy"}


class TestExportToC:
    @pytest.fixture
    def inputs(self, tmp_path, rng):
        np.save(tmp_path / "x.npy", rng.normal(size=(12, 8, 8, 2)).astype("float32"))
        return str(tmp_path / "x.npy")

    def export(self, model_file, *arguments):
        return main(["export", str(model_file), "--to", "c", *map(str, arguments)])

    def test_writes_a_folder_beside_the_model_by_default(self, model_file, inputs, capsys):
        assert self.export(model_file, "--calibration", inputs, "--target", "rv32i") == 0
        assert (model_file.parent / "small_c" / "model.c").exists()
        assert "for rv32i" in capsys.readouterr().out

    def test_a_network_beyond_the_budget_is_refused(self, model_file, inputs, tmp_path, capsys):
        arguments = ["--calibration", inputs, "--ram-budget", 10, "--output", tmp_path / "out"]
        assert self.export(model_file, *arguments) == 2
        assert "ram_budget=10 bytes" in one_error_line(capsys)
        assert not (tmp_path / "out").exists()

    def test_convolutions_run_on_cmsis_nn_where_there_is_one(
        self, model_file, inputs, tmp_path, capsys
    ):
        arguments = ["--calibration", inputs, "--convolutions", "cmsis-nn", "--output"]
        arm = [*arguments, tmp_path / "arm", "--target", "cortex-m4"]
        assert self.export(model_file, *arm) == 0
        assert "cmsis_nn_conv" in capsys.readouterr().out
        assert self.export(model_file, *arguments, tmp_path / "riscv", "--target", "rv32i") == 2
        assert "CMSIS-NN is for Arm's Cortex-M" in one_error_line(capsys)

    def test_what_was_exported_runs_on_an_emulated_processor(
        self, model_file, inputs, tmp_path, capsys
    ):
        micro = 'is missing: pip install "keras-shiftadd[micro]"'
        pytest.importorskip("ziglang", reason=f"ziglang {micro}")
        pytest.importorskip("unicorn", reason=f"unicorn {micro}")
        assert self.export(model_file, "--calibration", inputs, "--output", tmp_path / "c") == 0
        outputs = str(tmp_path / "y.npy")
        arguments = ["--target", "cortex-m4", "--inputs", inputs, "--outputs", outputs]
        assert main(["simulate", str(tmp_path / "c"), *arguments]) == 0
        assert "instructions an inference" in capsys.readouterr().out
        assert np.load(outputs).shape == (12, 3)


class TestAudit:
    @pytest.fixture
    def exported(self, tmp_path, rng):
        """Writes the .tflite file of one layer."""
        pytest.importorskip("ai_edge_litert", reason=EXPORT_EXTRA)

        def write(layer):
            model = keras.Sequential([keras.Input((6, 6, 2)), layer])
            data = rng.normal(size=(8, 6, 6, 2))
            ksa.export.to_tflite(model, tmp_path / "model.tflite", data, verbose=0)
            return str(tmp_path / "model.tflite")

        return write

    def test_prints_the_operators(self, exported, capsys):
        file = exported(keras.layers.Conv2D(3, 3))
        assert main(["audit", file]) == 0
        assert capsys.readouterr().out == f"{ksa.export.audit(file)}\n"

    def test_file_of_an_adder_layer_passes_the_assertion(self, exported):
        file = exported(ksa.layers.AdderConv2D(3, 3))
        assert main(["audit", file, "--assert-multiplication-free"]) == 0
        assert main(["audit", file, "--assert-multiplication-free", "--forbid-scaling"]) == 1

    def test_file_of_a_convolution_fails_the_assertion_with_status_1(self, exported, capsys):
        file = exported(keras.layers.Conv2D(3, 3))
        assert main(["audit", file, "--assert-multiplication-free"]) == 1
        captured = capsys.readouterr()
        assert captured.out == f"{ksa.export.audit(file)}\n"
        assert captured.err.startswith("keras-shiftadd: ")
        assert "CONV_2D" in captured.err

    def test_file_of_a_shift_layer_passes_where_powers_of_two_are_allowed(self, exported):
        file = exported(ksa.layers.ShiftConv2D(3, 3))
        assert main(["audit", file, "--assert-multiplication-free"]) == 1
        allowed = ["--assert-multiplication-free", "--allow-powers-of-two"]
        assert main(["audit", file, *allowed]) == 0

    def test_file_that_is_no_tflite_is_refused(self, tmp_path, capsys):
        pytest.importorskip("ai_edge_litert", reason=EXPORT_EXTRA)
        (tmp_path / "model.tflite").write_bytes(b"something else")
        assert main(["audit", str(tmp_path / "model.tflite")]) == 2
        assert "model.tflite" in one_error_line(capsys)


def test_status_names_versions_backend_and_form(capsys):
    assert main(["status"]) == 0
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()[:6])
    assert lines["keras_shiftadd"] == ksa.__version__
    assert lines["keras"] == keras.__version__
    assert lines["backend"] == keras.config.backend()
    assert lines["operations"] == str(ksa.custom_ops.status())


def test_status_prints_what_the_libraries_were_built_from_and_with(capsys):
    assert main(["status"]) == 0
    text = capsys.readouterr().out
    for library in ksa.custom_ops.status().libraries:
        assert f"\n{library.name} " in text
        for key in library.manifest.keys() - {"library"}:
            assert f"\n  {key}: " in text


class TestBuild:
    """What is built is tested with the build itself; the command passes on and prints."""

    @pytest.fixture
    def build(self, monkeypatch):
        """Lets the build end with these states, and notes how it was called."""
        calls = []

        def make(**states):
            def build(**options):
                calls.append(options)
                return [
                    _builder.Outcome(name, _builder.State[state], "the reason", "the output")
                    for name, state in states.items()
                ]

            monkeypatch.setattr(_builder, "build", build)
            return calls

        return make

    def test_prints_what_became_of_each_library(self, build, capsys):
        build(kernels="BUILT", tensorflow="CURRENT", jax="LEFT_OUT")
        assert main(["build"]) == 0
        assert [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()] == [
            ["kernels", "built (the reason)"],
            ["tensorflow", "up to date (the reason)"],
            ["jax", "left out (the reason)"],
        ]

    @pytest.mark.parametrize("state", ["FAILED", "IMPOSSIBLE"])
    def test_failure_has_status_1_and_shows_what_the_compiler_said(self, build, state, capsys):
        build(kernels="BUILT", tensorflow=state)
        assert main(["build"]) == 1
        assert "the output" in capsys.readouterr().err

    @pytest.mark.parametrize("arguments", [[], ["--force"]])
    def test_force_is_passed_on(self, build, arguments):
        calls = build(kernels="BUILT")
        main(["build", *arguments])
        assert calls == [{"force": bool(arguments)}]


def test_missing_model_is_one_line_on_stderr(tmp_path, capsys):
    assert main(["summary", str(tmp_path / "missing.keras")]) == 2
    assert "missing.keras" in one_error_line(capsys)


def test_traceback_is_shown_on_request(tmp_path, capsys):
    assert main(["--traceback", "summary", str(tmp_path / "missing.keras")]) == 2
    assert "Traceback" in capsys.readouterr().err
