"""The package as users get it: import, public names, wheel and sdist."""

import importlib
import json
import os
import pathlib
import subprocess
import sys
import tarfile
import zipfile

import pytest

import keras_shiftadd as ksa

ROOT = pathlib.Path(__file__).resolve().parents[2]


def run_python(code):
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=300
    )
    return json.loads(result.stdout.splitlines()[-1])


def test_import_and_status_change_no_environment_variable_and_bring_no_other_backend():
    code = """
import json, os, sys
import keras
before = dict(os.environ)
modules = set(sys.modules)
import keras_shiftadd
keras_shiftadd.custom_ops.status()
new = {name.partition(".")[0] for name in set(sys.modules) - modules}
print(json.dumps({"environment": dict(os.environ) == before, "new": sorted(new)}))
"""
    result = run_python(code)
    assert result["environment"]
    heavy = {"tensorflow", "jax", "torch", "keras_tuner", "tensorflow_model_optimization"}
    assert not heavy & set(result["new"])


@pytest.mark.once
def test_import_beyond_keras_executes_only_this_package():
    # What takes time in an import is other packages: none may come with this one.
    code = """
import json, sys
import keras
modules = set(sys.modules)
import keras_shiftadd
standard = sys.stdlib_module_names
new = {name.partition(".")[0] for name in set(sys.modules) - modules}
print(json.dumps(sorted(new - set(standard))))
"""
    assert run_python(code) == ["keras_shiftadd"]


@pytest.mark.parametrize("name", ksa.__all__)
def test_every_public_name_can_be_reached(name):
    assert getattr(ksa, name) is not None


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = ksa.nothing


@pytest.mark.parametrize("room", ["custom_ops", "tuners"])
def test_rooms_at_the_top_of_the_tree_install_inside_the_package(room):
    module = importlib.import_module(f"keras_shiftadd.{room}")
    assert module.__name__ == f"keras_shiftadd.{room}"
    top_level = subprocess.run(
        [sys.executable, "-c", f"import {room}"],
        capture_output=True,
        cwd=os.path.dirname(sys.executable),
        check=False,
    )
    assert top_level.returncode != 0


@pytest.fixture(scope="module")
def distributions(tmp_path_factory):
    if importlib.util.find_spec("build") is None:
        pytest.skip("build is missing: pip install 'keras-shiftadd[test]'")
    folder = tmp_path_factory.mktemp("dist")
    # Without isolation nothing is downloaded; setuptools comes with the test extra. Which
    # compiled libraries a wheel holds is tested elsewhere, on small ones.
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)],
        env={**os.environ, "KERAS_SHIFTADD_BUILD_OPS": "0"},
        check=True,
        capture_output=True,
        timeout=300,
    )
    return folder


@pytest.mark.once
def test_the_wheel_holds_all_rooms_as_real_files(distributions):
    (wheel,) = distributions.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    top = {name.split("/")[0] for name in names}
    assert {name for name in top if not name.endswith(".dist-info")} == {"keras_shiftadd"}
    for path in (
        "layers/adder_conv2d.py",
        "custom_ops/__init__.py",
        "custom_ops/kernels/shiftadd.h",
        "custom_ops/bindings/tensorflow.cc",
        "tuners/__init__.py",
        "py.typed",
    ):
        assert f"keras_shiftadd/{path}" in names
    assert wheel.name.endswith("-py3-none-any.whl")


@pytest.mark.once
def test_the_wheel_holds_weights_that_load(distributions, tmp_path):
    (wheel,) = distributions.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    code = (
        "import keras_shiftadd as ksa; print(ksa.__file__, *ksa.models.list_weights(), "
        "ksa.models.load_network('resnet8_shift_gestures').output_shape)"
    )
    printed = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        check=True,
        capture_output=True,
        text=True,
        timeout=300,
    ).stdout
    assert printed.startswith(str(tmp_path))
    assert set(ksa.models.list_weights()) <= set(printed.split())


@pytest.mark.once
def test_the_sdist_builds_the_same_wheel(distributions, tmp_path):
    (sdist,) = distributions.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (source,) = tmp_path.iterdir()
    subprocess.run(
        [
            sys.executable,
            "-m",
            "build",
            "--no-isolation",
            "--wheel",
            "--outdir",
            str(tmp_path),
            str(source),
        ],
        env={**os.environ, "KERAS_SHIFTADD_BUILD_OPS": "0"},
        check=True,
        capture_output=True,
        timeout=300,
    )
    (again,) = tmp_path.glob("*.whl")
    (wheel,) = distributions.glob("*.whl")
    assert sorted(zipfile.ZipFile(again).namelist()) == sorted(zipfile.ZipFile(wheel).namelist())
    assert "LICENSE" in {path.name for path in source.iterdir()}
