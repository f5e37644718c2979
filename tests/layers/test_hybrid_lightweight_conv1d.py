"""HybridLightweightConv1D: its equation, padding, masks, caches, conformance."""

import keras
import numpy as np
import pytest

import keras_shiftadd as ksa
from keras_shiftadd.testing import reference

L = ksa.layers
OPERATORS = ("conv", "shift", "adder", "shift_adder")


def numpy_of(tensor):
    return keras.ops.convert_to_numpy(tensor)


@pytest.fixture
def x(rng):
    return rng.normal(size=(3, 7, 6)).astype("float32")


def depthwise(x, kernel, padding, adder):
    """A convolution of (batch, tokens, channels) with one kernel (taps, heads) a head."""
    kernel = np.repeat(kernel, x.shape[-1] // kernel.shape[1], axis=1)
    size = len(kernel)
    before = size - 1 if padding == "causal" else (size - 1) // 2
    padded = np.pad(x, ((0, 0), (before, size - 1 - before), (0, 0)))
    taps = [padded[:, tap : tap + x.shape[1]] for tap in range(size)]
    if adder:
        return -sum(abs(tap - w) for tap, w in zip(taps, kernel, strict=True))
    return sum(tap * w for tap, w in zip(taps, kernel, strict=True))


def expected(layer, x, mask=None):
    first, second = (
        [np.asarray(w, "float64") for w in part.dense.get_weights()]
        for part in (layer.input_projection, layer.output_projection)
    )
    y = x @ first[0] + first[1]
    y, gate = np.split(y, 2, -1)
    y = y / (1 + np.exp(-gate))
    if mask is not None:
        y = y * mask[..., None]
    for stage, kernel in zip(layer.depthwise.stages, layer.depthwise.kernels, strict=True):
        kernel = np.asarray(numpy_of(kernel), "float64")
        if stage != "adder":
            kernel = np.exp(kernel) / np.exp(kernel).sum(0)
        if stage == "shift":
            kernel = reference.round_to_power_of_two(kernel)
        y = depthwise(y, kernel, layer.padding, stage == "adder")
    if layer.depthwise.normalization is not None:
        y = y / np.sqrt(1 + layer.depthwise.normalization.epsilon)
    return y @ second[0] + second[1]


@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("padding", ["same", "causal"])
def test_it_follows_its_equation(x, operator, padding):
    layer = L.HybridLightweightConv1D(4, 2, operator=operator, padding=padding)
    y = numpy_of(layer(x))
    wanted = expected(layer, x)
    np.testing.assert_allclose(y, wanted, atol=1e-5 * np.abs(wanted).max() + 1e-5)


@pytest.mark.parametrize("operator", ["conv", "adder"])
def test_masked_tokens_count_as_zeros(x, operator):
    mask = np.arange(7) < np.array([[7], [3], [5]])
    layer = L.HybridLightweightConv1D(3, 2, operator=operator)
    y = numpy_of(layer(x, mask=mask))
    wanted = expected(layer, x, mask)
    np.testing.assert_allclose(y[mask], wanted[mask], atol=1e-4)


@pytest.mark.parametrize("operator", OPERATORS)
def test_decoding_with_a_cache_equals_one_call(x, operator):
    layer = L.HybridLightweightConv1D(3, 2, operator=operator, padding="causal")
    wanted = numpy_of(layer(x))
    cache = layer.make_cache(3, 6)
    outputs = []
    for start, stop in ((0, 1), (1, 4), (4, 5), (5, 7)):
        y, cache = layer(x[:, start:stop], cache=cache)
        outputs.append(numpy_of(y))
    np.testing.assert_allclose(np.concatenate(outputs, 1), wanted, atol=1e-4)


def test_a_cache_needs_causal_padding(x):
    layer = L.HybridLightweightConv1D(3, 2)
    with pytest.raises(ValueError, match="needs padding='causal'"):
        layer(x, cache=layer.make_cache(3, 6))


@pytest.mark.filterwarnings("ignore:An adder layer brings its kernel gradient")
@pytest.mark.parametrize(
    "arguments",
    [
        {"operator": "shift", "projection": "shift", "filters": 4, "use_bias": False},
        {"operator": "shift_adder", "use_glu": False, "padding": "causal"},
        {"operator": "conv", "projection": "adder", "use_bias": False},
    ],
)
def test_layer_conforms(arguments):
    # Statistics that do not fit yet amplify every rounding of an adder.
    adder = "adder" in arguments.values() or "shift_adder" in arguments.values()
    ksa.testing.check_layer(
        L.HybridLightweightConv1D,
        {"kernel_size": 3, "num_heads": 2, **arguments},
        (4, 7, 6),
        mixed_precision=not adder,
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"operator": "dense"}, "`operator` must be one of"),
        ({"padding": "valid"}, "`padding` must be one of"),
        ({"kernel_size": 0}, "`kernel_size` must be"),
        ({"num_heads": 4}, "`filters` must be a multiple of `num_heads`"),
    ],
)
def test_a_bad_argument_is_named(x, arguments, message):
    with pytest.raises(ValueError, match=message):
        L.HybridLightweightConv1D(**{"kernel_size": 3, "num_heads": 2, **arguments})(x)


def test_inputs_of_another_rank_are_refused():
    with pytest.raises(ValueError, match="must have 3 axes"):
        L.HybridLightweightConv1D(3, 2)(np.ones((2, 4)))
