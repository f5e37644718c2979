"""`ksa.custom_ops.status`."""

import dataclasses
import os

import pytest

import keras_shiftadd as ksa

VARIABLE = "KERAS_SHIFTADD_OPS"


def test_portable_form_is_active_by_default(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    status = ksa.custom_ops.status()
    assert (status.form, status.requested) == ("portable", "auto")
    assert "no compiled kernels" in status.reason


def test_python_asks_for_the_portable_form(monkeypatch):
    monkeypatch.setenv(VARIABLE, "python")
    status = ksa.custom_ops.status()
    assert (status.form, status.requested) == ("portable", "python")


def test_native_is_an_error_without_kernels(monkeypatch):
    monkeypatch.setenv(VARIABLE, "native")
    with pytest.raises(RuntimeError, match=VARIABLE):
        ksa.custom_ops.status()


@pytest.mark.parametrize("value", ["", "NATIVE", "compiled"])
def test_unknown_value_is_an_error(monkeypatch, value):
    monkeypatch.setenv(VARIABLE, value)
    with pytest.raises(ValueError, match="auto, native, python"):
        ksa.custom_ops.status()


def test_environment_is_only_read(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    ksa.custom_ops.status()
    assert VARIABLE not in os.environ


def test_status_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        ksa.custom_ops.status().form = "native"
