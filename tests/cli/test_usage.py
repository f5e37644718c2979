"""Help, version, usage errors and the two ways to start the command."""

import os
import subprocess
import sys

import pytest

import keras_shiftadd as ksa
from keras_shiftadd.cli import main

COMMANDS = ("summary", "export", "audit", "simulate", "search", "status", "build")


def exit_status(*arguments):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    return stopped.value.code


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_describes_it_and_gives_an_example(command, capsys):
    assert exit_status(command, "--help") == 0
    text = capsys.readouterr().out
    description = text.split("\n\n")[1]
    assert len(description.split()) >= 10
    assert f"keras-shiftadd {command}" in text.split("example:")[1]


def test_help_names_every_command(capsys):
    assert exit_status("--help") == 0
    text = capsys.readouterr().out
    for command in COMMANDS:
        assert f"  keras-shiftadd {command}" in text


def test_version(capsys):
    assert exit_status("--version") == 0
    assert capsys.readouterr().out == f"keras-shiftadd {ksa.__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("unknown",),
        ("summary",),
        ("summary", "model.keras", "--bits", "7"),
        ("summary", "model.keras", "--input-shape", "8,x"),
        ("summary", "model.keras", "--input-shape", "8,0,2"),
        ("export", "model.keras", "--to", "onnx", "--calibration", "x.npy"),
        ("export", "model.keras", "--to", "tflite"),
        ("export", "model.keras", "--to", "c"),
        ("export", "model.tflite", "--to", "c", "--labels", "y.npy"),
        ("export", "model.keras", "--to", "tflite", "--calibration", "x.npy", "--target", "rv32i"),
        ("simulate", "firmware", "--inputs", "x.npy"),
        ("build", "tensorflow"),
    ],
    ids=" ".join,
)
def test_bad_usage_has_status_2(arguments, capsys):
    assert exit_status(*arguments) == 2
    assert "error: " in capsys.readouterr().err


@pytest.mark.once
def test_module_runs_as_a_program_and_reports_errors_in_its_exit_status(tmp_path):
    environment = {**os.environ, "KERAS_SHIFTADD_OPS": "compiled"}
    done = subprocess.run(
        [sys.executable, "-m", "keras_shiftadd", "status"],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 2
    assert "KERAS_SHIFTADD_OPS='compiled'" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
