"""The tf_keras twins of models compute what the models do."""

import json
import pathlib
import subprocess
import sys

import networks
import pytest

pytestmark = [pytest.mark.once, networks.NEEDS_MODEL_OPTIMIZATION]
PROGRAM = pathlib.Path(__file__).with_name("twin_program.py")


@pytest.fixture(scope="module")
def result():
    output = subprocess.run(
        [sys.executable, str(PROGRAM)], capture_output=True, text=True, check=False, timeout=600
    )
    assert output.returncode == 0, output.stderr[-3000:]
    return json.loads(output.stdout.splitlines()[-1])


def test_each_layer_alone_has_an_equal_twin(result):
    different = {name: error for name, error in result["layers"].items() if not error <= 1e-6}
    assert not different
    assert len(result["layers"]) > 40


def test_a_graph_of_inner_models_shared_layers_and_functions_has_an_equal_twin(result):
    assert result["graph"] <= 1e-6


def test_weights_trained_in_the_twin_come_back(result):
    assert result["trained"]["changed"] > 1e-3
    assert result["trained"]["difference"] <= 1e-6
