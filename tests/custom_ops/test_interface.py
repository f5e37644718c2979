"""The C interface in Python is that of the header."""

import pathlib
import re

import pytest

import keras_shiftadd as ksa
from keras_shiftadd.custom_ops import _interface

HEADER = (pathlib.Path(ksa.custom_ops.__file__).parent / "kernels" / "shiftadd.h").read_text()
CODE = re.sub(r"/\*.*?\*/", "", HEADER, flags=re.DOTALL)


def declared_functions():
    """(name, parameters) of each exported function."""
    found = re.findall(r"SHIFTADD_EXPORT\s[^;(]*?shiftadd_(\w+)\(([^;]*)\);", CODE)
    return {name: re.split(r",\s*", text) if text != "void" else [] for name, text in found}


def enumeration(prefix):
    found = re.findall(rf"SHIFTADD_({prefix}) = (\d+)", CODE)
    return {name.lower(): int(value) for name, value in found}


def fields(name):
    """The names of the fields of a structure, in order."""
    body = re.search(rf"typedef struct \{{([^}}]*)\}} shiftadd_{name};", CODE)[1]
    names = []
    for declaration in body.split(";"):
        function = re.search(r"\(\*(\w+)\)", declaration)
        if function:
            names.append(function[1])
        else:
            names += re.findall(r"(\w+)(?:\[\d+\])?\s*(?:,|$)", declaration.strip())
    return names


def test_version():
    assert f"#define SHIFTADD_ABI_VERSION {_interface.ABI_VERSION}\n" in HEADER


def test_every_function_is_declared_with_all_parameters():
    expected = {name: len(parameters) for name, parameters in declared_functions().items()}
    present = {name: len(taken) for name, (_, taken) in _interface._FUNCTIONS.items()}
    assert present == expected


@pytest.mark.parametrize(
    ("name", "structure"),
    [
        ("conv_params", _interface.ConvParams),
        ("parallel", _interface.Parallel),
        ("requantization", _interface.Requantization),
    ],
)
def test_structures_have_the_same_fields(name, structure):
    assert [field for field, _ in structure._fields_] == fields(name)


def test_enumerations_have_the_same_numbers():
    assert enumeration("VALID|SAME|CAUSAL") == _interface.PADDINGS
    assert enumeration("IDENTITY|CLIP|SIGN") == _interface.SLOPES
