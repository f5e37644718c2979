"""Installations with and without compiled kernels, as pip makes them."""

import importlib.util
import os
import pathlib
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
OPS = pathlib.Path("keras_shiftadd", "custom_ops")
VARIABLE = "KERAS_SHIFTADD_BUILD_OPS"
KERNEL = '#include "shiftadd.h"\nextern "C" int kernel() { return 1; }\n'
BROKEN = "#error this cannot be compiled\n"


pytestmark = pytest.mark.once


@pytest.fixture(scope="module", autouse=True)
def _needs_setuptools():
    if importlib.util.find_spec("setuptools") is None:
        pytest.skip("setuptools is missing: pip install 'keras-shiftadd[test]'")


@pytest.fixture
def needs_compiler():
    if not any(map(shutil.which, ("c++", "g++", "clang++"))):
        pytest.skip("a C++ compiler is missing: apt install g++")


@pytest.fixture
def sources(tmp_path):
    """The sources of the package, with one small kernel in the place of all."""
    folder = tmp_path / "sources"
    folder.mkdir()
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    ignored = shutil.ignore_patterns("__pycache__", "_lib")
    for name in ("keras_shiftadd", "custom_ops", "tuners"):
        shutil.copytree(ROOT / name, folder / name, symlinks=True, ignore=ignored)
    for file in (folder / OPS).glob("kernels/*.cc"):
        if file.name != "manifest.cc":
            file.unlink()
    for name in ("tensorflow", "jax", "litert", "tflite_micro"):
        for file in (folder / OPS).glob(f"bindings/{name}*.cc"):
            file.unlink()
    (folder / OPS / "kernels" / "kernel.cc").write_text(KERNEL)
    return folder


def run(*arguments, **environment):
    """Runs Python; a variable that is `None` is unset."""
    merged = {**os.environ, **environment}
    for name in ("CXX", "KERAS_SHIFTADD_TENSORFLOW", "KERAS_SHIFTADD_JAXLIB", VARIABLE):
        if environment.get(name) is None:
            merged.pop(name, None)
    return subprocess.run(
        list(map(str, arguments)),
        env=merged,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )


def make_wheel(sources, **environment):
    """Builds a wheel without isolation, as nothing is to be downloaded."""
    command = ("pip", "wheel", "--no-build-isolation", "--no-deps", "--no-index", "-v")
    target = sources.parent / "dist"
    shutil.rmtree(target, ignore_errors=True)
    done = run(sys.executable, "-m", *command, "-w", target, sources, **environment)
    (wheel,) = target.glob("*.whl") if done.returncode == 0 else (None,)
    return done, wheel


def libraries(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    return [name for name in names if re.search(r"\.(so|dylib)$", name)]


@pytest.mark.usefixtures("needs_compiler")
class TestWheel:
    def test_with_kernels_is_for_the_platform_and_every_python(self, sources):
        done, wheel = make_wheel(sources)
        assert done.returncode == 0, done.stdout
        assert len(libraries(wheel)) == 1
        platform = re.sub(r"[-.]", "_", sysconfig.get_platform())
        assert wheel.name.split("-", 2)[2] == f"py3-none-{platform}.whl"
        names = zipfile.ZipFile(wheel).namelist()
        for path in ("kernels/shiftadd.h", "kernels/kernel.cc", "bindings/manifest.cc"):
            assert f"{OPS}/{path}" in names

    def test_without_kernels_holds_none_of_an_earlier_build(self, sources):
        assert run(sys.executable, sources / OPS / "build.py").returncode == 0
        assert make_wheel(sources)[0].returncode == 0
        done, wheel = make_wheel(sources, **{VARIABLE: "0"})
        assert done.returncode == 0, done.stdout
        assert not libraries(wheel)
        assert wheel.name.endswith("-py3-none-any.whl")

    def test_failure_is_no_failure_of_the_package_unless_the_kernels_are_asked_for(self, sources):
        (sources / OPS / "kernels" / "kernel.cc").write_text(BROKEN)
        done, wheel = make_wheel(sources)
        assert done.returncode == 0
        assert "the compiler failed on kernel.cc" in done.stdout
        assert wheel.name.endswith("-py3-none-any.whl")
        done, _ = make_wheel(sources, **{VARIABLE: "1"})
        assert done.returncode != 0
        assert "this cannot be compiled" in done.stdout
        assert f"{VARIABLE}=1" in done.stdout


def test_unknown_request_is_an_error(sources):
    done, _ = make_wheel(sources, **{VARIABLE: "yes"})
    assert done.returncode != 0
    assert f"must be one of 0, auto, 1. Received: {VARIABLE}=yes" in done.stdout


@pytest.fixture
def environment(tmp_path):
    """A virtual environment that has no framework, and reaches those of this one."""
    folder = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    packages = sysconfig.get_path("purelib", "venv", {"base": str(folder)})
    # Packages that are reached by such a file are importable, and in no folder of this one.
    pathlib.Path(packages, "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "bin"


def test_without_compiler_and_frameworks_pip_installs_what_says_so(sources, environment, tmp_path):
    """Kernels and TensorFlow are absent; Keras is there."""
    (tmp_path / "empty").mkdir()
    command = ("-m", "pip", "install", "--no-build-isolation", "--no-deps", "--no-index")
    bare = {"PATH": str(tmp_path / "empty")}
    done = run(environment / "python", *command, sources, **bare)
    assert done.returncode == 0, done.stdout
    done = run(environment / "keras-shiftadd", "status", KERAS_BACKEND="jax", **bare)
    assert done.returncode == 0, done.stdout
    assert re.search(r"operations +portable \(.*no C\+\+ compiler was found", done.stdout)
    native = {"KERAS_BACKEND": "jax", "KERAS_SHIFTADD_OPS": "native", **bare}
    done = run(environment / "keras-shiftadd", "status", **native)
    assert done.returncode == 2
    assert "no C++ compiler was found" in done.stdout
    assert done.stdout.strip().endswith("keras-shiftadd build --force")


@pytest.mark.usefixtures("needs_compiler")
def test_without_tensorflow_the_kernels_are_built_and_their_binding_is_not(sources, environment):
    (sources / OPS / "bindings" / "tensorflow.cc").write_text("// a binding\n")
    done = run(environment / "python", sources / OPS / "build.py")
    assert done.returncode == 0, done.stdout
    assert re.search(r"kernels +built", done.stdout)
    packages = environment.parent / "lib"
    assert re.search(rf"tensorflow +left out \(TensorFlow was not found in {packages}", done.stdout)


@pytest.mark.usefixtures("needs_compiler")
def test_editable_installation_builds_beside_the_sources(sources, environment):
    command = ("-m", "pip", "install", "--no-build-isolation", "--no-deps", "--no-index", "-e")
    done = run(environment / "python", *command, sources, **{VARIABLE: "1"})
    assert done.returncode == 0, done.stdout
    assert any((sources / "custom_ops" / "_lib").glob("lib*"))
