"""The commands `summary`, `export`, `audit` and `status`."""

import json

import keras
import numpy as np
import pytest

import keras_shiftadd as ksa
from keras_shiftadd.cli import main


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


class TestExport:
    @pytest.fixture
    def calls(self, monkeypatch):
        """Arguments with which the export was called, instead of a real export."""
        received = []

        def to_tflite(model, path, calibration_data, labels=None):
            received.append((model.name, path, calibration_data, labels))
            return "the report"

        monkeypatch.setattr(ksa.export, "to_tflite", to_tflite, raising=False)
        return received

    def test_writes_beside_the_model_by_default(self, model_file, tmp_path, rng, calls, capsys):
        data = rng.normal(size=(4, 8, 8, 2)).astype("float32")
        np.save(tmp_path / "x.npy", data)
        arguments = ["--to", "tflite", "--calibration", str(tmp_path / "x.npy")]
        assert main(["export", str(model_file), *arguments]) == 0
        ((name, path, received, labels),) = calls
        assert (name, path, labels) == ("small", str(tmp_path / "small.tflite"), None)
        np.testing.assert_array_equal(received, data)
        assert capsys.readouterr().out == "the report\n"

    def test_reads_x_and_y_of_an_npz(self, model_file, tmp_path, rng, calls):
        x, y = rng.normal(size=(4, 8, 8, 2)), np.arange(4)
        file, output = str(tmp_path / "data.npz"), str(tmp_path / "out.tflite")
        np.savez(file, x=x, y=y, other=y)
        arguments = ["--to", "tflite", "--calibration", file, "--labels", file, "--output", output]
        assert main(["export", str(model_file), *arguments]) == 0
        ((_, path, received, labels),) = calls
        assert path == output
        np.testing.assert_array_equal(received, x)
        np.testing.assert_array_equal(labels, y)

    def test_npz_without_x_is_refused(self, model_file, tmp_path, calls, capsys):
        np.savez(tmp_path / "data.npz", inputs=np.zeros(3), targets=np.zeros(3))
        arguments = ["--to", "tflite", "--calibration", str(tmp_path / "data.npz")]
        assert main(["export", str(model_file), *arguments]) == 2
        assert "array named 'x'" in one_error_line(capsys)
        assert calls == []

    @pytest.mark.parametrize("content", [None, b"", b"no array"])
    def test_calibration_file_that_is_none_is_refused(
        self, model_file, tmp_path, content, calls, capsys
    ):
        file = tmp_path / "x.npy"
        if content is not None:
            file.write_bytes(content)
        arguments = ["--to", "tflite", "--calibration", str(file)]
        assert main(["export", str(model_file), *arguments]) == 2
        assert "--calibration" in one_error_line(capsys)
        assert calls == []


class TestAudit:
    @pytest.fixture
    def report(self, monkeypatch):
        class Report:
            failure = None

            def __str__(self):
                return "the operators"

            def assert_multiplication_free(self):
                if self.failure:
                    raise AssertionError(self.failure)

        report = Report()
        monkeypatch.setattr(ksa.export, "audit", lambda path: report, raising=False)
        return report

    def test_prints_the_report(self, report, capsys):
        report.failure = "CONV_2D multiplies"
        assert main(["audit", "model.tflite"]) == 0
        assert capsys.readouterr().out == "the operators\n"

    def test_assertion_that_holds(self, report):
        assert main(["audit", "model.tflite", "--assert-multiplication-free"]) == 0

    def test_assertion_that_fails_has_status_1(self, report, capsys):
        report.failure = "CONV_2D multiplies"
        assert main(["audit", "model.tflite", "--assert-multiplication-free"]) == 1
        captured = capsys.readouterr()
        assert captured.out == "the operators\n"
        assert captured.err == "keras-shiftadd: CONV_2D multiplies\n"


def test_status_names_versions_backend_and_form(capsys):
    assert main(["status"]) == 0
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()[:6])
    assert lines["keras_shiftadd"] == ksa.__version__
    assert lines["keras"] == keras.__version__
    assert lines["backend"] == keras.config.backend()
    assert lines["operations"].startswith("portable")


def test_missing_model_is_one_line_on_stderr(tmp_path, capsys):
    assert main(["summary", str(tmp_path / "missing.keras")]) == 2
    assert "missing.keras" in one_error_line(capsys)


def test_traceback_is_shown_on_request(tmp_path, capsys):
    assert main(["--traceback", "summary", str(tmp_path / "missing.keras")]) == 2
    assert "Traceback" in capsys.readouterr().err
