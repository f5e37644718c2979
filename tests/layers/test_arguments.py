"""Bad arguments and inputs: each earns an error that names it."""

import json

import keras
import numpy as np
import pytest

import keras_shiftadd as ksa

L = ksa.layers


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: L.ShiftConv2D(4, 3, form="ternary"), "`form` must be one of"),
        (lambda: L.ShiftConv2D(4, 3, weight_bits=1), "`weight_bits` must be from 2 to 8"),
        (lambda: L.ShiftConv2D(4, 3, weight_bits=9), "`weight_bits` must be from 2 to 8"),
        (lambda: L.ShiftDense(4, weight_bits=4.5), "`weight_bits` must be an integer"),
        (lambda: L.ShiftDense(4, max_exponent=200), "`max_exponent` must be from"),
        (lambda: L.ShiftDense(4, activation_bits=8), "`activation_bits` must be None or"),
        (lambda: L.ShiftDense(4, activation_bits=(0, 8)), "`integer_bits` must be"),
        (
            lambda: L.ShiftDense(4, form="dense", kernel_constraint="non_neg"),
            "needs the float kernel of form='quantized'",
        ),
        (lambda: L.AdderConv2D(0, 3), "`filters` must be a positive integer"),
        (lambda: L.AdderConv2D(4, (3, 3, 3)), "`kernel_size` must be .* tuple of 2"),
        (lambda: L.AdderConv2D(4, 3, strides=0), "`strides` must be"),
        (lambda: L.AdderConv2D(4, 3, padding="causal"), "`padding` must be one of"),
        (lambda: L.AdderConv2D(4, 3, data_format="NHWC"), "`data_format` must be one of"),
        (lambda: L.AdderConv2D(4, 3, groups=3), "`filters` must be divisible by `groups`"),
        (lambda: L.AdderConv2D(4, 3, strides=2, dilation_rate=2), "cannot be combined"),
        (lambda: L.AdderConv2D(4, 3, gradient="exact"), "`gradient` must be one of"),
        (lambda: L.AdderConv2D(4, 3, gradient_scale=-1), "`gradient_scale` must be"),
        (lambda: L.AdderDense(-1), "`units` must be"),
        (lambda: L.AdderDepthwiseConv2D(3, depth_multiplier=0), "`depth_multiplier` must be"),
        (lambda: L.HybridConv2D(4, 3, operator="dense"), "`operator` must be one of"),
        (lambda: L.HybridConv2D(4, 3, weight_sharing="kl"), "`weight_sharing` must be one of"),
        (lambda: L.HybridConv2D(4, 3, bins=0), "`bins` must be"),
    ],
)
def test_a_bad_argument_is_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    "layer",
    [
        lambda: L.ShiftConv1D(4, 3),
        lambda: L.ShiftConv2D(4, 3),
        lambda: L.AdderConv2D(4, 3),
        lambda: L.AdderDepthwiseConv2D(3),
        lambda: L.ShiftAdderConv2D(4, 3),
        lambda: L.HybridConv2D(4, 3),
    ],
)
def test_inputs_of_the_wrong_rank_are_refused(layer):
    with pytest.raises(ValueError, match=r"ndim|axes"):
        layer()(np.zeros((2, 5), "float32"))


def test_channels_that_groups_do_not_divide_are_refused():
    with pytest.raises(ValueError, match="input channels must be divisible by `groups`"):
        L.AdderConv2D(4, 3, groups=2).build((None, 8, 8, 3))


def test_unknown_channels_are_refused():
    with pytest.raises(ValueError, match=r"channel axis .* must be known"):
        L.ShiftConv2D(4, 3).build((None, 8, 8, None))


def test_a_kernel_larger_than_the_inputs_is_refused():
    with pytest.raises(ValueError, match="dilated kernel of layer 'big' must fit"):
        L.AdderConv2D(4, 5, name="big").build((None, 4, 8, 2))


def test_another_number_of_channels_after_build_is_refused():
    layer = L.AdderConv2D(4, 3)
    layer.build((None, 8, 8, 3))
    with pytest.raises(ValueError, match="expected axis -1"):
        layer(np.zeros((1, 8, 8, 4), "float32"))


def test_keras_own_quantisation_is_refused():
    layer = L.ShiftDense(3)
    layer.build((None, 4))
    with pytest.raises(NotImplementedError, match="own number format"):
        layer.quantize("int8")


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        (L.ShiftConv2D, {"filters": 4, "kernel_size": 3, "weight_bits": 4, "max_exponent": -1}),
        (L.ShiftDense, {"units": 4, "activation_bits": (8, 4)}),
        (L.AdderConv2D, {"filters": 4, "kernel_size": (3, 1), "strides": 2, "gradient_scale": 0.5}),
        (L.HybridConv2D, {"filters": 4, "kernel_size": 3, "bins": 7}),
        (L.HybridAttention, {"num_heads": 2, "key_dim": 4, "dropout": 0.5, "attention_axes": 1}),
        (L.PowerActivation, {"exponent": 0.5}),
        (L.FakeQuantization, {"low": -0.5, "num_bits": 4}),
    ],
)
def test_numbers_may_be_of_numpy(kind, arguments):
    def of_numpy(value):
        return (np.float32 if isinstance(value, float) else np.int64)(value)

    same = {k: keras.tree.map_structure(of_numpy, v) for k, v in arguments.items()}
    config, expected = (kind(**given, name="layer").get_config() for given in (same, arguments))
    assert json.dumps(config, default=repr) == json.dumps(expected, default=repr)
    assert config == expected


@pytest.mark.parametrize("form", ["quantized", "sign_exponent", "dense"])
def test_effective_kernels_are_powers_of_two(form):
    layer = L.ShiftConv2D(8, 3, form=form, weight_bits=4)
    layer.build((None, 8, 8, 4))
    kernel = np.asarray(keras.ops.convert_to_numpy(layer.effective_kernel()))
    mantissa, _ = np.frexp(kernel[kernel != 0])
    np.testing.assert_array_equal(np.abs(mantissa), 0.5)
    assert kernel.shape == (3, 3, 4, 8)


def test_a_given_initializer_sets_sign_and_magnitude():
    values = np.float32([[0.25, -0.5, 1.0]])
    layer = L.ShiftDense(3, form="dense", kernel_initializer=keras.initializers.Constant(values))
    layer.build((None, 1))
    kernel = keras.ops.convert_to_numpy(layer.effective_kernel())
    np.testing.assert_array_equal(kernel, values)


def test_adder_kernels_start_with_a_deviation_of_one():
    layer = L.AdderDense(200)
    layer.build((None, 100))
    assert abs(float(np.std(layer.get_weights()[0])) - 1) < 0.02


def test_nan_weights_stay_visible():
    for layer in (L.ShiftDense(2), L.AdderDense(2)):
        layer.build((None, 3))
        layer.kernel.assign(np.full((3, 2), np.nan, "float32"))
        outputs = keras.ops.convert_to_numpy(layer(np.ones((1, 3), "float32")))
        assert np.isnan(outputs).all()


def test_one_kernel_moves_between_operators():
    conv = L.HybridConv2D(8, 3, operator="conv")
    adder = L.HybridConv2D(8, 3, operator="adder")
    shift = L.HybridConv2D(8, 3, operator="shift")
    for layer in (conv, adder, shift):
        layer.build((None, 8, 8, 16))
        layer.kernel.assign(conv.kernel)
    as_adder = keras.ops.convert_to_numpy(adder.effective_kernel())
    as_shift = keras.ops.convert_to_numpy(shift.effective_kernel())
    as_conv = keras.ops.convert_to_numpy(conv.effective_kernel())
    assert 0.85 < as_adder.std() < 1.15  # the Laplace distribution has deviation 1
    order = np.argsort(as_conv, axis=None)
    assert (np.diff(as_adder.ravel()[order]) >= 0).all()  # monotone
    np.testing.assert_array_equal(np.sign(as_shift), np.sign(as_conv))
