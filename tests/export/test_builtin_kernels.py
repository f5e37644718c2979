"""The reference has the bits of LiteRT's reference kernels and of tflite-micro."""

import importlib.util

import numpy as np
import pytest
from builtin_kernels import all_bytes, file_of, integers_of, quantization, run

from keras_shiftadd.export._integer import elementwise
from keras_shiftadd.export._integer.convolution import convolution_sums
from keras_shiftadd.export._integer.multipliers import multipliers, tflite_multiplier
from keras_shiftadd.export._integer.operators import (
    Add,
    Mean,
    Multiply,
    Pooling,
    Requantization,
)
from keras_shiftadd.export._integer.requantize import requantize
from keras_shiftadd.export._integer.softmax import OUTPUT, softmax, softmax_arguments
from keras_shiftadd.export._quantization import Quantization
from keras_shiftadd.export._quantize.builder import rescaled
from keras_shiftadd.export._quantize.pooling import mean_multiplier

pytestmark = pytest.mark.once
SEEDS = range(4)


@pytest.fixture(params=["litert", "tflite-micro"])
def runtime(request):
    module, package = {
        "litert": ("ai_edge_litert", 'pip install "keras-shiftadd[export]"'),
        "tflite-micro": ("tflite_micro", "pip install --pre tflite-micro"),
    }[request.param]
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{module} is missing: {package}")
    return request.param


def draw(seed, filters):
    """An input's and an output's quantisation, kernel scales and biases."""
    rng = np.random.default_rng(seed)
    inputs = quantization(rng.uniform(0.01, 0.1), rng.integers(-128, 128))
    output = quantization(rng.uniform(0.01, 0.5), rng.integers(-40, 40))
    # Factors from below 2 ** -10 to above 1: both directions of the shift.
    scales = (2.0 ** rng.uniform(-9, 2, filters)).astype("float32")
    bias = rng.integers(-20000, 20000, filters).astype("int32")
    return rng, inputs, output, scales, bias


def double(factors, zero_point, low=-128, high=127):
    return Requantization(*multipliers(np.asarray(factors), tflite_multiplier), zero_point,
                          "double", low, high)  # fmt: skip


def kernel_and_bias(kernel, bias, scales, inputs, axis):
    bias_scales = scales * np.float32(inputs.scale)
    return [
        lambda flat: flat.kernel("kernel", kernel, scales, axis),
        lambda flat: flat.bias("bias", bias, bias_scales),
    ]


WINDOW = {"padding": 1, "strideH": 1, "strideW": 1, "dilationHFactor": 1, "dilationWFactor": 1}


@pytest.mark.parametrize("seed", SEEDS)
def test_convolution(runtime, seed):
    rng, inputs, output, scales, bias = draw(seed, 16)
    x = all_bytes(1, 9, 9, 8, seed=seed)
    kernel = rng.integers(-127, 128, (3, 3, 8, 16)).astype("int8")
    constants = kernel_and_bias(kernel.transpose(3, 0, 1, 2), bias, scales, inputs, 0)
    content = file_of("CONV_2D", [x.shape], [inputs], (1, 7, 7, 16), output, constants, **WINDOW)
    sums = convolution_sums("conv", x, kernel, inputs.zero_point) + bias
    factors = inputs.scale * scales.astype("float64") / output.scale
    expected = requantize(sums, double(factors, output.zero_point))
    np.testing.assert_array_equal(run(runtime, content, x), expected)


@pytest.mark.parametrize("seed", SEEDS)
def test_padded_strided_convolution_with_a_relu(runtime, seed):
    rng, inputs, output, scales, bias = draw(seed, 4)
    x = all_bytes(1, 8, 7, 3, seed=seed)
    kernel = rng.integers(-127, 128, (3, 3, 3, 4)).astype("int8")
    constants = kernel_and_bias(kernel.transpose(3, 0, 1, 2), bias, scales, inputs, 0)
    options = {**WINDOW, "padding": 0, "strideH": 2, "strideW": 2, "fusedActivationFunction": 1}
    content = file_of("CONV_2D", [x.shape], [inputs], (1, 4, 4, 4), output, constants, **options)
    sums = convolution_sums(
        "conv", x, kernel, inputs.zero_point, strides=(2, 2), pads=((0, 1), (1, 1))
    )
    factors = inputs.scale * scales.astype("float64") / output.scale
    zero = output.zero_point
    expected = requantize(sums + bias, double(factors, zero, low=zero))
    np.testing.assert_array_equal(run(runtime, content, x), expected)


@pytest.mark.parametrize("seed", SEEDS)
def test_depthwise_convolution(runtime, seed):
    rng, inputs, output, scales, bias = draw(seed, 16)
    x = all_bytes(1, 9, 9, 8, seed=seed)
    kernel = rng.integers(-127, 128, (1, 3, 3, 16)).astype("int8")
    constants = kernel_and_bias(kernel, bias, scales, inputs, 3)
    content = file_of(
        "DEPTHWISE_CONV_2D", [x.shape], [inputs], (1, 7, 7, 16), output, constants,
        depthMultiplier=2, **WINDOW,
    )  # fmt: skip
    sums = convolution_sums("conv", x, kernel.transpose(1, 2, 0, 3), inputs.zero_point, 8) + bias
    factors = inputs.scale * scales.astype("float64") / output.scale
    expected = requantize(sums, double(factors, output.zero_point))
    np.testing.assert_array_equal(run(runtime, content, x), expected)


@pytest.mark.parametrize("units", [1, 10])
@pytest.mark.parametrize("seed", SEEDS)
def test_fully_connected(runtime, seed, units):
    rng, inputs, output, scales, bias = draw(seed, units)
    x = all_bytes(1, 100, seed=seed)
    kernel = rng.integers(-127, 128, (100, units)).astype("int8")
    constants = kernel_and_bias(kernel.T, bias, scales, inputs, 0)
    content = file_of("FULLY_CONNECTED", [x.shape], [inputs], (1, units), output, constants)
    sums = (x.astype(int) - inputs.zero_point) @ kernel.astype(int) + bias
    factors = inputs.scale * scales.astype("float64") / output.scale
    expected = requantize(sums, double(factors, output.zero_point))
    np.testing.assert_array_equal(run(runtime, content, x), expected)


@pytest.mark.parametrize("code", ["ADD", "SUB"])
@pytest.mark.parametrize("seed", SEEDS)
def test_sum_and_difference(runtime, seed, code):
    rng, a, output, _, _ = draw(seed, 1)
    b = quantization(rng.uniform(0.01, 0.1) if seed else a.scale, rng.integers(-128, 128))
    x, y = all_bytes(1, 4000, seed=seed), all_bytes(1, 4000, seed=seed + 50)
    twice = 2 * max(a.scale, b.scale)
    first = double([a.scale / twice, b.scale / twice], 0)
    last = double([twice / (2**20 * output.scale)], output.zero_point)
    operator = Add("", (0, 1), 2, 20, first.multiplier, first.shift, last, code == "SUB")
    constant = [lambda flat: integers_of(flat, y, b)]
    content = file_of(code, [x.shape], [a], x.shape, output, constant)
    expected = elementwise.add(operator, x, y, (a.zero_point, b.zero_point))
    np.testing.assert_array_equal(run(runtime, content, x), expected)


@pytest.mark.parametrize("seed", SEEDS)
def test_product(runtime, seed):
    rng, a, output, _, _ = draw(seed, 1)
    b = quantization(rng.uniform(0.01, 0.1), rng.integers(-128, 128))
    x, y = all_bytes(1, 4000, seed=seed), all_bytes(1, 4000, seed=seed + 50)
    factor = a.scale * b.scale / output.scale
    operator = Multiply("", (0, 1), 2, double([factor], output.zero_point))
    constant = [lambda flat: integers_of(flat, y, b)]
    content = file_of("MUL", [x.shape], [a], x.shape, output, constant)
    expected = elementwise.product(operator, x, y, (a.zero_point, b.zero_point))
    np.testing.assert_array_equal(run(runtime, content, x), expected)


@pytest.mark.parametrize("size", [(7, 7), (8, 8), (5, 3), (12, 16), (1, 1)])
def test_mean(runtime, size):
    _, inputs, output, _, _ = draw(sum(size), 1)
    x = all_bytes(1, *size, 500)
    multiplier, shift = mean_multiplier(inputs.scale / output.scale, size[0] * size[1])
    requantization = Requantization(
        np.array([multiplier]), np.array([shift]), output.zero_point, "double"
    )
    content = file_of(
        "MEAN", [x.shape], [inputs], (1, 500), output, [lambda flat: flat.integers([1, 2])],
        keepDims=False,
    )  # fmt: skip
    expected = elementwise.mean(Mean("", (0,), 1, requantization), x, inputs.zero_point)
    np.testing.assert_array_equal(run(runtime, content, x), expected)


@pytest.mark.parametrize("kind", ["max", "average"])
@pytest.mark.parametrize(
    ("padding", "size", "pads"),
    [("VALID", (3, 2), ((0, 0), (0, 0))), ("SAME", (3, 2), ((1, 1), (0, 1)))],
)
def test_pooling(runtime, kind, padding, size, pads):
    x, same = all_bytes(1, 7, 7, 300), quantization(0.02, -7)
    strides = (2, 2)
    output_shape = (1, 4, 4, 300) if padding == "SAME" else (1, 3, 3, 300)
    content = file_of(
        f"{kind.upper()}_POOL_2D", [x.shape], [same], output_shape, same,
        padding=int(padding == "VALID"), strideH=2, strideW=2, filterHeight=3, filterWidth=2,
    )  # fmt: skip
    expected = elementwise.pool(Pooling("", kind, (0,), 1, size, strides, pads), x)
    np.testing.assert_array_equal(run(runtime, content, x), expected)


@pytest.mark.parametrize("scale", [1e-4, 0.004, 0.05, 0.3, 1.7])
@pytest.mark.parametrize("classes", [2, 10, 300])
def test_softmax(runtime, scale, classes):
    x, inputs = all_bytes(1, 20, classes, seed=classes), quantization(scale, 3)
    content = file_of("SOFTMAX", [x.shape], [inputs], x.shape, OUTPUT, beta=1.0)
    expected = softmax(x, *softmax_arguments(inputs.scale))
    np.testing.assert_array_equal(run(runtime, content, x), expected)


EVERY = np.arange(-128, 128).astype("int8")[None]
SCALES = [(0.05, 0), (0.02, -128), (0.1, 40), (0.5, 10)]


@pytest.mark.parametrize(("scale", "zero_point"), SCALES)
@pytest.mark.parametrize("code", ["LOGISTIC", "TANH"])
def test_sigmoid_and_tanh_are_rounded_to_nearest(runtime, code, scale, zero_point):
    inputs = quantization(scale, zero_point)
    output = OUTPUT if code == "LOGISTIC" else Quantization(1 / 128, 0)
    real = inputs.scale * (EVERY.astype(float) - zero_point)
    value = 1 / (1 + np.exp(-real)) if code == "LOGISTIC" else np.tanh(real)
    content = file_of(code, [EVERY.shape], [inputs], EVERY.shape, output)
    np.testing.assert_array_equal(run(runtime, content, EVERY), output.quantize(value))


@pytest.mark.parametrize(("scale", "zero_point"), SCALES)
@pytest.mark.parametrize("code", ["QUANTIZE", "RELU", "LEAKY_RELU"])
def test_requantising_tables(runtime, code, scale, zero_point):
    inputs, output = quantization(scale, zero_point), quantization(scale * 0.7, -100)
    expected = rescaled(inputs, output, None if code == "QUANTIZE" else 1.0)
    if code == "RELU":
        expected = np.maximum(expected, output.zero_point)
    if code == "LEAKY_RELU":
        slope = 0.2
        negative = EVERY[0] < zero_point
        expected = np.where(negative, rescaled(inputs, output, slope), expected)
    options = {"alpha": 0.2} if code == "LEAKY_RELU" else {}
    content = file_of(code, [EVERY.shape], [inputs], EVERY.shape, output, **options)
    np.testing.assert_array_equal(run(runtime, content, EVERY)[0], expected)
