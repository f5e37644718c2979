"""The build of the compiled libraries, on small sources."""

import os
import pathlib
import shutil
import signal
import subprocess
import sys
import sysconfig

import pytest

import keras_shiftadd as ksa
from keras_shiftadd.custom_ops import _builder
from keras_shiftadd.custom_ops._builder import State

KERNELS = """
#include "shiftadd.h"
extern "C" SHIFTADD_EXPORT int kernel() { return 1; }
"""
BINDING = """
#include "../kernels/shiftadd.h"
extern "C" SHIFTADD_EXPORT int kernel();
extern "C" SHIFTADD_EXPORT int binding() { return kernel(); }
"""
BROKEN = "this is no C++\n"


@pytest.fixture
def compiler():
    if not any(map(shutil.which, ("c++", "g++", "clang++"))):
        pytest.skip("a C++ compiler is missing: apt install g++")


@pytest.fixture
def sources(tmp_path, monkeypatch):
    """A folder `custom_ops` with a kernel and a binding; frameworks that are only headers."""
    folder = tmp_path / "keras_shiftadd" / "custom_ops"
    real = pathlib.Path(ksa.custom_ops.__file__).parent
    for path in ("kernels/shiftadd.h", "kernels/manifest.cc", "bindings/manifest.cc"):
        write(folder / path, (real / path).read_text())
    write(folder / "kernels" / "kernel.cc", KERNELS)
    write(folder / "kernels" / "target_scalar.cc", "// every processor\n")
    write(folder / "bindings" / "jax.cc", BINDING)
    write(folder.parent / "_version.py", '__version__ = "1.2.3"\n')
    write(tmp_path / "site" / "jaxlib" / "include" / "xla" / "ffi" / "api" / "ffi.h", "")
    install_jaxlib(tmp_path, "0.7.0")
    monkeypatch.setenv("KERAS_SHIFTADD_JAXLIB", str(tmp_path / "site" / "jaxlib"))
    for name in ("CXX", "CXXFLAGS", "LDFLAGS", "KERAS_SHIFTADD_TENSORFLOW"):
        monkeypatch.delenv(name, raising=False)
    return folder


def write(file, text):
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def install_jaxlib(tmp_path, version):
    metadata = f"Metadata-Version: 2.1\nName: jaxlib\nVersion: {version}\n"
    write(tmp_path / "site" / "jaxlib.dist-info" / "METADATA", metadata)


def build(folder, **options):
    outcomes = _builder.build(folder / "_lib", folder=folder, **options)
    return {outcome.name: outcome for outcome in outcomes}


def contents(folder):
    return {file.name: file.read_bytes() for file in (folder / "_lib").glob("lib*")}


def manifest(folder, name):
    return _builder.read_manifest(folder / "_lib" / _builder.library_file(name))


@pytest.mark.usefixtures("compiler")
class TestWithCompiler:
    def test_makes_the_libraries_and_says_why_one_is_left_out(self, sources):
        outcomes = build(sources)
        assert outcomes["kernels"].state is State.BUILT
        assert outcomes["jax"].state is State.BUILT
        assert outcomes["tensorflow"].state is State.LEFT_OUT
        assert "no sources" in outcomes["tensorflow"].reason
        expected = {_builder.library_file("kernels"), _builder.library_file("jax")}
        assert set(contents(sources)) == expected

    def test_manifest_says_what_a_library_was_built_from_and_with(self, sources, monkeypatch):
        monkeypatch.setenv("CXXFLAGS", "-DEXTRA=1")
        build(sources)
        kernels, binding = manifest(sources, "kernels"), manifest(sources, "jax")
        assert kernels["version"] == binding["version"] == "1.2.3"
        assert kernels["instruction_sets"] == ["scalar"]
        assert kernels["flags"].endswith("-DEXTRA=1")
        assert kernels["platform"] == sysconfig.get_platform()
        assert len(kernels["sources"]) == len(binding["sources"]) == 64
        assert binding["jaxlib"] == "0.7.0"
        assert kernels["compiler"]

    def test_libraries_name_no_folder_of_this_machine(self, sources, tmp_path):
        build(sources)
        for content in contents(sources).values():
            assert str(tmp_path).encode() not in content

    def test_what_is_up_to_date_stays(self, sources):
        build(sources)
        files = sorted((sources / "_lib").glob("lib*"))
        before = [file.stat().st_ino for file in files]
        assert {o.state for o in build(sources).values()} == {State.CURRENT, State.LEFT_OUT}
        assert [file.stat().st_ino for file in files] == before

    def test_force_compiles_what_is_up_to_date(self, sources):
        build(sources)
        assert build(sources, force=True)["kernels"].state is State.BUILT

    def test_an_edited_source_is_compiled_again(self, sources):
        build(sources)
        write(sources / "kernels" / "kernel.cc", KERNELS + "// edited\n")
        outcomes = build(sources)
        assert outcomes["kernels"].state is State.BUILT
        assert outcomes["jax"].state is State.CURRENT

    def test_another_version_of_a_framework_gives_another_binding(self, sources, tmp_path):
        build(sources)
        install_jaxlib(tmp_path, "0.8.0")
        outcomes = build(sources)
        assert outcomes["kernels"].state is State.CURRENT
        assert outcomes["jax"].state is State.BUILT
        assert manifest(sources, "jax")["jaxlib"] == "0.8.0"

    def test_a_failure_keeps_the_libraries_and_shows_what_the_compiler_says(self, sources):
        build(sources)
        before = contents(sources)
        write(sources / "kernels" / "kernel.cc", BROKEN)
        write(sources / "bindings" / "jax.cc", BINDING + "// edited\n")
        outcomes = build(sources)
        assert outcomes["kernels"].state is outcomes["jax"].state is State.FAILED
        assert "kernel.cc" in outcomes["kernels"].reason
        assert "error" in outcomes["kernels"].output
        assert contents(sources) == before

    def test_a_binding_that_fails_does_not_hold_up_the_kernels(self, sources):
        write(sources / "bindings" / "jax.cc", BROKEN)
        outcomes = build(sources)
        assert outcomes["kernels"].state is State.BUILT
        assert outcomes["jax"].state is State.FAILED
        assert set(contents(sources)) == {_builder.library_file("kernels")}

    def test_a_function_that_no_library_has_is_a_failure_of_the_build(self, sources):
        write(sources / "bindings" / "jax.cc", BINDING.replace("kernel()", "missing()"))
        assert "missing" in build(sources)["jax"].output

    def test_reasons_are_kept_beside_the_libraries(self, sources):
        outcomes = build(sources)
        reasons = _builder.read_outcomes(sources / "_lib")
        left_out = ("tensorflow", "litert", "tflite_micro")
        assert reasons == {name: outcomes[name].reason for name in left_out}

    def test_nothing_else_is_left_beside_the_libraries(self, sources):
        build(sources)
        build(sources, force=True)
        others = {file.name for file in (sources / "_lib").iterdir()} - set(contents(sources))
        assert others == {"outcomes.json"}

    def test_absent_framework_leaves_out_its_binding(self, sources, tmp_path, monkeypatch):
        monkeypatch.delenv("KERAS_SHIFTADD_JAXLIB")
        monkeypatch.setattr(sysconfig, "get_path", lambda *_, **__: str(tmp_path))
        outcome = build(sources)["jax"]
        assert outcome.state is State.LEFT_OUT
        assert outcome.reason.startswith("jaxlib was not found in ")
        assert str(tmp_path) in outcome.reason

    def test_variable_that_names_another_folder_is_a_failure(self, sources, tmp_path, monkeypatch):
        monkeypatch.setenv("KERAS_SHIFTADD_JAXLIB", str(tmp_path))
        outcome = build(sources)["jax"]
        assert outcome.state is State.FAILED
        assert f"Received: KERAS_SHIFTADD_JAXLIB={tmp_path}" in outcome.reason


def test_no_compiler_on_the_path_is_said(sources, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    outcomes = build(sources)
    assert {outcome.state for outcome in outcomes.values()} == {State.IMPOSSIBLE}
    assert "no C++ compiler was found" in outcomes["kernels"].reason
    assert not contents(sources)


def test_compiler_that_does_not_exist_is_said(sources, monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler -m64")
    assert "CXX=no-such-compiler" in build(sources)["kernels"].reason


def test_other_system_is_said(sources, monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    outcome = build(sources)["kernels"]
    assert outcome.is_failure
    assert outcome.reason == "the kernels are built on Linux and macOS, this system is win32"


def test_place_that_cannot_be_written_still_gives_the_reasons(sources, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    (sources / "_lib").write_text("a file where the folder should be")
    assert build(sources)["kernels"].state is State.IMPOSSIBLE


def test_file_without_a_manifest_has_none(tmp_path):
    (tmp_path / "library.so").write_bytes(b"\x7fELF")
    assert _builder.read_manifest(tmp_path / "library.so") is None
    assert _builder.read_manifest(tmp_path / "missing.so") is None


def test_an_interrupted_build_leaves_what_was_there(tmp_path):
    target = tmp_path / "_lib"
    kernels = _builder.library_file("kernels")
    write(target / kernels, "the library of an earlier build")
    compiler = tmp_path / "compiler"
    write(compiler, '#!/bin/sh\ntest "$1" = --version || kill -KILL $PPID\n')
    compiler.chmod(0o755)
    script = pathlib.Path(ksa.custom_ops.__file__).parent / "build.py"
    done = subprocess.run(
        [sys.executable, str(script), "--target", str(target)],
        env={**os.environ, "CXX": str(compiler), "TMPDIR": str(tmp_path)},
        timeout=60,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    assert [file.name for file in target.iterdir()] == [kernels]
    assert (target / kernels).read_text() == "the library of an earlier build"


@pytest.mark.parametrize(
    ("state", "status", "optional_status"),
    [
        (State.BUILT, 0, 0),
        (State.CURRENT, 0, 0),
        (State.LEFT_OUT, 0, 0),
        (State.IMPOSSIBLE, 1, 0),
        (State.FAILED, 1, 1),
    ],
)
def test_exit_status(state, status, optional_status):
    outcomes = [_builder.Outcome("kernels", state, "a reason")]
    assert _builder.exit_status(outcomes) == status
    assert _builder.exit_status(outcomes, optional=True) == optional_status
