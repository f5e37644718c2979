"""`ksa.custom_ops.status`, and what happens when the compiled kernels do not fit."""

import ctypes
import dataclasses
import json
import os
import re
import shutil
import sys
import types
import warnings

import keras
import numpy as np
import pytest

import keras_shiftadd as ksa
from keras_shiftadd.custom_ops import _binding, _builder, _library

VARIABLE = "KERAS_SHIFTADD_OPS"
SET_VARIABLE = "KERAS_SHIFTADD_INSTRUCTION_SET"
KERNELS = _builder.library_file("kernels")


@pytest.fixture(autouse=True)
def _fresh_process(monkeypatch):
    """What a process remembers about the kernels is forgotten before and after a test."""
    for name in (VARIABLE, SET_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(_binding, "_warned", False)
    forget()
    yield
    forget()


def forget():
    _binding.load_binding.cache_clear()
    _library.kernels.cache_clear()


@pytest.fixture
def libraries(tmp_path, monkeypatch):
    """A folder in which this test may change the libraries, at first empty."""
    # A real binding of this process may be loaded already, and does not look again.
    name = f"keras_shiftadd.custom_ops.{keras.config.backend()}_binding"
    binding = types.ModuleType(name)
    binding.load = _library.kernels
    monkeypatch.setitem(sys.modules, name, binding)
    monkeypatch.setattr(_library, "library_folder", lambda: tmp_path)
    return tmp_path


@pytest.fixture
def built():
    """The kernels that are built from the sources."""
    file = _library.library_folder() / KERNELS
    if not file.exists():
        pytest.skip("the kernels are not built: apt install g++, then keras-shiftadd build")
    return file


@pytest.fixture
def kernels(built, libraries):
    """A copy of the kernels."""
    shutil.copy(built, libraries / KERNELS)
    return libraries / KERNELS


def change(file, old, new):
    """Changes the manifest in a library, which keeps its length."""
    content = file.read_bytes()
    assert content.count(old) == 1
    assert len(old) == len(new)
    file.write_bytes(content.replace(old, new))


class TestRequest:
    def test_python_loads_no_library(self, monkeypatch):
        monkeypatch.setenv(VARIABLE, "python")
        monkeypatch.setattr(ctypes, "CDLL", None)
        status = ksa.custom_ops.status()
        assert (status.form, status.requested) == ("portable", "python")
        assert f"{VARIABLE}=python" in status.reason
        assert _binding.active_binding() is None

    @pytest.mark.parametrize("value", ["", "NATIVE", "compiled"])
    def test_unknown_value_is_an_error(self, monkeypatch, value):
        monkeypatch.setenv(VARIABLE, value)
        with pytest.raises(ValueError, match="auto, native, python"):
            ksa.custom_ops.status()

    def test_environment_is_only_read(self):
        before = dict(os.environ)
        ksa.custom_ops.status()
        assert dict(os.environ) == before

    def test_another_backend_is_served_by_the_portable_form(self, monkeypatch):
        monkeypatch.setattr(keras.config, "backend", lambda: "openvino")
        status = ksa.custom_ops.status()
        assert (status.form, status.backend) == ("portable", "openvino")
        assert "openvino" in status.reason


def test_status_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        ksa.custom_ops.status().form = "native"


@pytest.mark.usefixtures("built")
class TestThatFits:
    def test_the_compiled_form_is_active(self, monkeypatch):
        monkeypatch.setenv(VARIABLE, "native")
        status = ksa.custom_ops.status()
        assert (status.form, status.requested) == ("compiled", "native")
        assert status.instruction_set in status.libraries[0].manifest["instruction_sets"]
        assert status.threads == ksa.custom_ops.threads()
        assert status.instruction_set in str(status)

    def test_binding_of_the_backend_serves(self):
        binding = _binding.active_binding()
        assert binding.__name__.endswith(f".{keras.config.backend()}_binding")
        assert _binding.active_binding() is binding

    def test_manifest_names_the_frameworks_of_the_bindings(self):
        libraries = {library.name: library for library in ksa.custom_ops.status().libraries}
        assert set(libraries) == {"kernels", "tensorflow", "jax", "litert", "tflite_micro"}
        for name, framework in (("tensorflow", "tensorflow"), ("jax", "jaxlib")):
            if libraries[name].problem is None:
                assert re.match(r"\d+\.\d+", libraries[name].manifest[framework])

    def test_threads_can_be_set_and_set_back(self):
        before = ksa.custom_ops.threads()
        try:
            assert ksa.custom_ops.set_threads(np.int64(3)) == ksa.custom_ops.threads() == 3
            assert ksa.custom_ops.set_threads(0) == ksa.custom_ops.threads() >= 1
        finally:
            ksa.custom_ops.set_threads(before)

    def test_variable_chooses_the_instruction_set(self, monkeypatch):
        monkeypatch.setenv(SET_VARIABLE, "scalar")
        try:
            assert ksa.custom_ops.status().instruction_set == "scalar"
        finally:
            _library.kernels().shiftadd_use_instruction_set(None)

    def test_instruction_set_of_another_processor_is_an_error(self, monkeypatch):
        present = _library.kernels().shiftadd_instruction_set()
        other = "avx2" if present == b"neon" else "neon"
        forget()
        monkeypatch.setenv(SET_VARIABLE, other)
        with pytest.raises(ValueError, match=f"Received: {SET_VARIABLE}='{other}'"):
            ksa.custom_ops.status()

    def test_unknown_instruction_set_is_an_error(self, monkeypatch):
        monkeypatch.setenv(SET_VARIABLE, "sse9")
        with pytest.raises(ValueError, match="avx512, avx2, neon, scalar"):
            ksa.custom_ops.status()


@pytest.mark.parametrize("number", [-1, 1.0, True, "2", None])
def test_bad_number_of_threads_is_an_error(number):
    with pytest.raises(ValueError, match="number="):
        ksa.custom_ops.set_threads(number)


def test_the_portable_form_has_no_threads(monkeypatch):
    monkeypatch.setenv(VARIABLE, "python")
    with pytest.raises(RuntimeError, match=f"Unset {VARIABLE}"):
        ksa.custom_ops.threads()


class TestThatWasNotBuilt:
    def test_gives_the_reason_of_the_build_and_no_warning(self, libraries):
        outcome = _builder.Outcome("kernels", _builder.State.IMPOSSIBLE, "no compiler was found")
        _builder.record([outcome], libraries)
        status = ksa.custom_ops.status()
        assert status.form == "portable"
        assert status.libraries[0].problem == f"{KERNELS} was not built: no compiler was found"
        assert status.reason.startswith(status.libraries[0].problem)
        assert status.reason.endswith(": keras-shiftadd build --force")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert _binding.active_binding() is None

    def test_gives_a_reason_without_a_build(self, libraries):
        assert "nobody has built it yet" in ksa.custom_ops.status().reason

    @pytest.mark.usefixtures("libraries")
    def test_native_is_an_error(self, monkeypatch):
        monkeypatch.setenv(VARIABLE, "native")
        for function in (ksa.custom_ops.status, _binding.active_binding):
            with pytest.raises(RuntimeError, match=f"{VARIABLE}=native.*{KERNELS}.*keras-shiftadd"):
                function()


def other_version(kernels, monkeypatch):
    version = f'version": "{ksa.__version__}"'.encode()
    change(kernels, version, version.replace(ksa.__version__[:1].encode(), b"9", 1))
    return f"built for keras_shiftadd 9{ksa.__version__[1:]}, this is {ksa.__version__}"


def other_sources(kernels, monkeypatch):
    digest = _builder.read_manifest(kernels)["sources"]
    change(kernels, digest.encode(), b"f" * 64)
    return rf"SHA-256 ffffffffffff\) than those of this package \({digest[:12]}"


def other_interface(kernels, monkeypatch):
    monkeypatch.setattr(_library, "ABI_VERSION", 99)
    return r"version \d+ of the C interface, this package needs version 99"


def damaged(kernels, monkeypatch):
    kernels.write_bytes(b"\x7fELF")
    return "no manifest"


def no_library(kernels, monkeypatch):
    content = kernels.read_bytes()
    begin = content.index(b'{"library": "')
    kernels.write_bytes(content[begin : content.index(b"\0", begin) + 1])
    return "does not load"


@pytest.mark.parametrize(
    "make", [other_version, other_sources, other_interface, damaged, no_library]
)
class TestMismatch:
    def test_warns_once_with_the_cause_and_the_command(self, make, kernels, monkeypatch):
        cause = make(kernels, monkeypatch)
        with pytest.warns(RuntimeWarning, match=f"{cause}.*keras-shiftadd build --force$"):
            _binding.active_binding()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert _binding.active_binding() is None

    def test_is_an_error_under_native(self, make, kernels, monkeypatch):
        monkeypatch.setenv(VARIABLE, "native")
        cause = make(kernels, monkeypatch)
        for function in (_binding.active_binding, ksa.custom_ops.status):
            with pytest.raises(RuntimeError, match=f"{cause}.*keras-shiftadd build --force"):
                function()

    def test_is_the_reason_of_the_status(self, make, kernels, monkeypatch):
        cause = make(kernels, monkeypatch)
        status = ksa.custom_ops.status()
        assert status.form == "portable"
        assert re.search(cause, status.reason)


class TestBindingOfTensorFlow:
    """A file with nothing but a manifest stands in for the library: it is not loaded."""

    @pytest.fixture
    def check(self, libraries, monkeypatch):
        def check(built, present):
            sources = _builder.source_hash(_builder.LIBRARIES["tensorflow"], _library._FOLDER)
            manifest = {"library": "tensorflow", "version": ksa.__version__, "sources": sources}
            manifest["tensorflow"] = built
            file = libraries / _builder.library_file("tensorflow")
            file.write_bytes(json.dumps(manifest).encode() + b"\0")
            tensorflow = types.SimpleNamespace(__version__=present)
            monkeypatch.setitem(sys.modules, "tensorflow", tensorflow)
            return _library.checked_file("tensorflow")

        return check

    @pytest.mark.parametrize("built", ["2.21.0", "2.18.1", "unknown"])
    def test_of_another_minor_version_may_be_loaded(self, check, built):
        assert check(built, present="2.21.0").exists()

    @pytest.mark.parametrize("built", ["1.15.5", "3.0.0", "20.1"])
    def test_of_another_major_version_does_not_fit(self, check, built):
        cause = f"built for TensorFlow {built}, this is TensorFlow 2.21.0"
        with pytest.raises(_library.CompiledOpsUnavailable, match=re.escape(cause)):
            check(built, present="2.21.0")
