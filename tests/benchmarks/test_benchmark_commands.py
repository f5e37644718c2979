"""The benchmarks start, and print the tables of figures that they have written."""

import json
import pathlib
import subprocess
import sys
import textwrap

import pytest

pytestmark = pytest.mark.once

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "benchmarks"
SCRIPTS = [
    path.name for path in sorted(FOLDER.glob("*.py")) if "ArgumentParser(" in path.read_text()
]


def run(*arguments):
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout


# In one process, which imports the frameworks once.
HELP = """
    import contextlib, io, json, pathlib, runpy, sys
    texts = {}
    for script in map(pathlib.Path, sys.argv[1:]):
        sys.argv, sys.path[0] = [str(script), "--help"], str(script.parent)
        output = io.StringIO()
        with contextlib.redirect_stdout(output), contextlib.suppress(SystemExit):
            runpy.run_path(str(script), run_name="__main__")
        texts[script.name] = output.getvalue()
    print(json.dumps(texts))
"""


@pytest.fixture(scope="module")
def helps():
    """What each script prints with `--help`."""
    return json.loads(run("-c", textwrap.dedent(HELP), *(FOLDER / name for name in SCRIPTS)))


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_names_the_options(helps, script):
    assert "--json" in helps[script]


def test_kernels_renders_ratios_of_the_same_turn_beside_the_goals(tmp_path):
    def row(*ms):
        return {"ms": list(ms), "cores": 1.0}

    rows = {
        "adder_kernel": row(1.0, 2.0, 4.0),
        "adder_op": row(1.0, 2.0, 4.0),
        "conv": row(2.0, 4.0, 8.0),
        "keras_broadcast": row(90.0, None, 360.0),
    }
    where = {"section": "forward", "layer": "b", "batch": 32, "threads": 1}
    result = {
        "machine": {"processor": "a processor", "cores": 2},
        "instruction_set": "avx2",
        "forms": {"tensorflow": "compiled"},
        "layers": ["b"],
        "ceiling_terms": 2**24,
        "cells": [{**where, "process": "tensorflow", "rows": rows}],
    }
    file = tmp_path / "kernels.json"
    file.write_text(json.dumps(result))
    lines = run(FOLDER / "kernels.py", "--render", file).splitlines()
    assert "| TensorFlow conv2d | 2 |" in lines
    assert "| adder, Keras broadcast | 90 |" in lines
    assert any("at least 0.95 | 2 | 2 to 2 | reached |" in line for line in lines)


def test_training_renders_the_ratio_of_images_a_second(tmp_path):
    speeds = {"convolution": [100.0, 200.0], "compiled": [50.0, 100.0], "portable": [3.0, None]}
    file = tmp_path / "training.json"
    file.write_text(json.dumps({"backends": {"jax": {"images_per_second": speeds}}}))
    table = run(FOLDER / "training.py", "--render", file)
    assert "| jax | 75.0 | 150.0 | 0.50 (0.50 to 0.50) | 3.0 |" in table


def test_int8_accuracy_renders_what_each_step_costs(tmp_path):
    def step(accuracy):
        return {"accuracy": accuracy, "agreement": 0.97, "error": 0.1}

    run_of = {
        "float": 0.9,
        "steps": {"min/max": step(0.85), "bias corrected": step(0.895)},
        "adders": {"a": {"weights": 0.5, "inputs": 0.0}},
    }
    file = tmp_path / "int8.json"
    runs = {"conv": {}, "adder": {"0": run_of, "1": run_of}}
    file.write_text(json.dumps({"machine": {}, "runs": runs}))
    table = run(FOLDER / "int8_accuracy.py", "--render", file)
    assert "| adder | 90.00 ± 0.00 | 85.00 ± 0.00 (97.0) | 89.50 ± 0.00 (97.0) |" in table
    assert "int8 costs +0.50 points, reached" in table
    assert "conv" not in table


def test_compression_renders_what_each_form_costs(tmp_path):
    def run_of(accuracy, **int8):
        sizes = {"bytes": 20000, "gzip": 10000, "zeros": 0.75, "values": 16, "seconds": 1.0}
        return {"0": {"float": accuracy, "validation": 0.9, "int8": int8, **sizes}}

    posts = {"minmax": 0.7, "percentile": 0.75, "mse": 0.8}
    conv = {
        "float": run_of(0.85, minmax=0.85, percentile=0.85, mse=0.85),
        "pruned": run_of(0.84, mse=0.83),
        "clustered": {},
        "quantisation-aware": {},
        "3-bit shift": run_of(0.81, **posts),
        "3-bit shift, quantisation-aware": run_of(0.84, mse=0.845),
    }
    file = tmp_path / "compression.json"
    file.write_text(json.dumps({"machine": {}, "runs": {"conv": conv}}))
    table = run(FOLDER / "compression.py", "--render", file)
    assert "| conv | pruned | 1 | 84.0 | 83.0 | -2.0 | 75 % | 20,000 | 10,000 |" in table
    assert "| conv, as 3-bit shift | 85.0 | 70.0 | 75.0 | 80.0 | 84.5 |" in table
    assert "clustered" not in table


def test_keyword_firmware_renders_the_ratio_to_the_twin_on_cmsis_nn(tmp_path):
    cmsis = [["conv1d", "wrapper", 1_500_000], ["dense", "wrapper", 500_000]]
    twin = {"float": 0.9, "int8": 0.89, "instructions": 1_200_000, "cmsis": cmsis}
    hybrid = {"float": 0.9, "int8": 0.885, "instructions": 800_000}
    file = tmp_path / "keywords.json"
    runs = {"cccccc": {"0": twin}, "ccacac": {"0": hybrid}}
    file.write_text(json.dumps({"machine": {}, "test": runs}))
    table = run(FOLDER / "keyword_firmware.py", "--render", file)
    assert "| twin, CMSIS-NN | 90.0 | 89.0 | 2.000 | 1.00 |" in table
    assert "| hybrid `ccacac` | 90.0 | 88.5 | 0.800 | 0.40 |" in table
    assert "0.50 points lost in 1 pairs: reached" in table


def test_translation_renders_bleu_beside_that_of_the_dense_network(tmp_path):
    def run_of(bleu, energy):
        return {"bleu": bleu, "energy_uj": energy}

    runs = {
        "dense": {"0": run_of(30.0, 8.0), "1": run_of(32.0, 8.0)},
        "shift": {"0": run_of(29.0, 6.0)},
        "adder": {},
        "hybrid": {"0": run_of(29.5, 4.0), "1": run_of(31.5, 4.0)},
    }
    file = tmp_path / "translation.json"
    search = {"architecture": {"embedding_dim": 96}, "trials": 5, "seconds": 1.0}
    file.write_text(json.dumps({"machine": {}, "runs": runs, "search": search}))
    table = run(FOLDER / "translation_bleu.py", "--render", file)
    assert "| dense | 2 | 31.0 ± 1.4 | - | 8.00 | 1.00 |" in table
    assert "| shift | 1 | 29.0 | -1.0 | 6.00 | 0.75 |" in table
    assert "| hybrid | 2 | 30.5 ± 1.4 | -0.5 | 4.00 | 0.50 |" in table
    assert "adder" not in table
    assert '"embedding_dim": 96' in table
