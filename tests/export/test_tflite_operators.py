"""Single operators: reference == LiteRT == tflite-micro, bit for bit."""

import dataclasses

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from integer_models import NetworkBuilder, convolution_model, random_inputs
from tflite_runners import assert_runs_alike, require_operators

from keras_shiftadd import export
from keras_shiftadd.export._tflite.write_model import write_model

pytestmark = pytest.mark.once

GRID = {
    "same": {"shape": (7, 6, 4), "filters": 5},
    "valid": {"shape": (7, 6, 4), "filters": 5, "padding": "valid"},
    "one by one": {"shape": (5, 4, 7), "filters": 9, "size": (1, 1)},
    "stride": {"shape": (9, 8, 3), "filters": 6, "strides": (2, 2)},
    "stride of one axis": {"shape": (7, 8, 3), "filters": 6, "strides": (1, 2)},
    "dilation": {"shape": (9, 9, 3), "filters": 4, "dilation": (2, 1)},
    "groups": {"shape": (6, 6, 6), "filters": 9, "groups": 3},
    "depthwise": {"shape": (7, 7, 5), "filters": 5, "groups": 5},
    "depthwise, multiplier": {"shape": (7, 7, 3), "filters": 9, "groups": 3, "strides": (2, 2)},
    "odd pads": {"shape": (6, 5, 3), "filters": 4, "padding": ((2, 0), (0, 3))},
    "causal": {"shape": (1, 20, 3), "filters": 7, "size": (1, 5), "padding": ((0, 0), (4, 0))},
    "dense": {"shape": (19,), "filters": 11, "activation": "linear"},
    "one unit": {"shape": (16,), "filters": 1, "activation": "linear"},
    "linear": {"shape": (5, 5, 2), "filters": 3, "activation": "linear"},
    "relu6": {"shape": (5, 5, 2), "filters": 3, "activation": "relu6"},
    "single rounding": {"shape": (5, 5, 3), "filters": 3, "rounding": "single"},
    "double rounding": {"shape": (5, 5, 3), "filters": 3, "rounding": "double"},
}


@pytest.mark.parametrize("operator", ["conv", "adder", "shift"])
@pytest.mark.parametrize("case", GRID)
def test_convolutions(operator, case, rng, tmp_path):
    require_operators()
    model = convolution_model(rng, operator, **GRID[case])
    assert_runs_alike(model, random_inputs(rng, model, 8), tmp_path)


@pytest.mark.parametrize(
    "build",
    [
        lambda b: b.pooling(0, "max"),
        lambda b: b.pooling(0, "average"),
        lambda b: b.pooling(0, "average", (3, 3), (2, 1), "same"),
        lambda b: b.pooling(0, "max", (3, 2), (1, 2), "same"),
        lambda b: b.mean(0),
        lambda b: b.softmax(b.mean(0)),
        lambda b: b.add(0, b.lookup(0, "requantize")),
        lambda b: b.add(b.lookup(0, "requantize"), 0, activation="relu"),
        lambda b: b.add(0, b.lookup(0, "requantize"), subtract=True),
        lambda b: b.multiply(0, b.lookup(0, "relu")),
        lambda b: b.multiply(0, b.mean(0)),
        lambda b: b.pad(0, ((1, 2), (0, 3))),
        lambda b: b.concatenate(0, 0, b.pooling(0, "max", (1, 1), (1, 1))),
        lambda b: b.reshape(0, (6 * 7 * 5,)),
    ],
    ids=[
        "max pool", "average pool", "average pool, same", "max pool, same", "mean", "softmax",
        "add", "add, relu", "subtract", "multiply", "gate", "pad", "concatenate", "reshape",
    ],
)  # fmt: skip
def test_builtin_operators(build, rng, tmp_path):
    builder = NetworkBuilder(rng, (6, 7, 5))
    build(builder)
    model = builder.model()
    assert_runs_alike(model, random_inputs(rng, model, 20), tmp_path)


def test_lookup_of_any_function(rng, tmp_path):
    require_operators()
    builder = NetworkBuilder(rng, (4, 4, 3))
    builder.lookup(0, "sigmoid")
    model = builder.model()
    assert_runs_alike(model, random_inputs(rng, model, 20), tmp_path)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_convolutions_of_odd_shapes(data, tmp_path):
    require_operators()
    draw = data.draw
    rows, columns = draw(st.integers(1, 9)), draw(st.integers(1, 9))
    size = draw(st.integers(1, 3)), draw(st.integers(1, 4))
    dilation = draw(st.integers(1, 2)), draw(st.integers(1, 2))
    pads = tuple((draw(st.integers(0, 3)), draw(st.integers(0, 3))) for _ in range(2))
    for length, kernel, step, pad in zip((rows, columns), size, dilation, pads, strict=True):
        assume(length + sum(pad) >= (kernel - 1) * step + 1)
    groups = draw(st.integers(1, 4))
    model = convolution_model(
        np.random.default_rng(draw(st.integers(0, 2**32))),
        draw(st.sampled_from(["conv", "adder", "shift"])),
        (rows, columns, groups * draw(st.integers(1, 5))),
        groups * draw(st.integers(1, 6)),
        size=size,
        strides=(draw(st.integers(1, 3)), draw(st.integers(1, 3))),
        dilation=dilation,
        padding=pads,
        groups=groups,
        activation=draw(st.sampled_from(["linear", "relu", "relu6"])),
        rounding=draw(st.sampled_from(["single", "double"])),
    )
    x = random_inputs(np.random.default_rng(0), model, 3)
    assert_runs_alike(model, x, tmp_path)


def test_multiplicative_layers_are_builtin_operators(rng, tmp_path):
    builder = NetworkBuilder(rng, (8, 8, 3))
    value = builder.convolution(0, "conv", 6)
    value = builder.convolution(value, "conv", 6, groups=6)
    value = builder.convolution(builder.mean(value), "conv", 4, activation="linear")
    path = tmp_path / "network.tflite"
    path.write_bytes(write_model(builder.model()))
    names = set(export.audit(path).counts)
    assert names == {"CONV_2D", "DEPTHWISE_CONV_2D", "MEAN", "RESHAPE"}


def test_rounding_that_the_format_lacks_is_refused(rng):
    builder = NetworkBuilder(rng, (4, 4, 3))
    builder.mean(0)
    model = builder.model()
    [mean] = model.operators
    single = dataclasses.replace(mean.requantization, rounding="single")
    changed = dataclasses.replace(mean, requantization=single)
    model = dataclasses.replace(model, operators=(changed,))
    with pytest.raises(ValueError, match="must be one that the format can express"):
        write_model(model)
