"""Quantises a Keras model to an int8 network."""

from typing import Any

import keras

from keras_shiftadd.export._arguments import check_samples
from keras_shiftadd.export._integer.model import IntegerModel
from keras_shiftadd.export._model.graph import read_graph
from keras_shiftadd.export._quantize.compile import quantize_nodes
from keras_shiftadd.export._quantize.observations import observe
from keras_shiftadd.export._quantize.options import Calibration, Options, Rounding


def quantize(
    model: keras.Model,
    calibration_data: Any,
    calibration: Calibration = "mse",
    redistribute: bool = True,
    correct_bias: bool = True,
    conv_rounding: Rounding = "double",
    power_of_two_scales: bool = False,
    add_rounding: Rounding = "double",
) -> IntegerModel:
    """Quantises a Keras model to an int8 network: every number that decides an output, an integer.

    - BatchNormalization is folded into the bias and the multipliers of the layer before it, ReLU
      into its limits.
    - Weights of shift layers stay exact powers of two (down to 1/64 of a channel's largest; smaller
      ones become 0).
    - Weights of adder layers have the scale and the zero point of their input.

    Args:
        model: A built Functional or Sequential model with one input and one output, in
            `"channels_last"`, of the layers that docs/quantization.md lists.
        calibration_data: Array of shape `(samples, ...)`, typical inputs as the model takes them;
            some hundred. Ranges are measured on them.
        calibration: How the range of a tensor is chosen: `"minmax"` holds all that was measured,
            `"percentile"` all but one value in ten thousand at either end, `"mse"` has the least
            squared error.
        redistribute: Whether the scale of an adder layer follows its inputs alone. Weights beyond
            the range of the inputs are moved to its edge, and what they lack goes into the bias,
            which loses nothing. If False, the range holds the weights, too.
        correct_bias: Whether the mean error of each channel of an adder layer, on the first 64
            samples of the calibration data, is taken off its bias.
        conv_rounding: How multiplicative layers round: `"double"` as the builtin operators of
            .tflite files, `"single"` in the faster form of docs/integer_ops.md.
        power_of_two_scales: Whether shift layers are brought to int8 by shifts alone, for
            processors without a multiplier. Exact without a BatchNormalization behind them; with
            one, its gains are rounded to powers of two, which costs some accuracy, and all layers
            are scaled to the means and deviations of the float model.
        add_rounding: How sums and differences of two tensors round: `"double"` as the builtin
            operators of .tflite files, `"single"` once, in a fifth of the instructions or
            less; a .tflite file cannot hold those.

    Returns:
        An `IntegerModel`.

    Raises:
        UnsupportedLayerError: If a layer, or its settings, has no form in int8 (a ValueError).
        TypeError: If an argument is of a wrong type.
        ValueError: If the model is not built or has several inputs or outputs, a weight is not
            finite, or an argument does not fit.

    Example:

    >>> integer_model = keras_shiftadd.export.quantize(model, x_train[:256])
    >>> interpreter = keras_shiftadd.export.IntegerInterpreter(integer_model)
    >>> interpreter.predict(x_test).argmax(axis=1)
    """
    options = Options(
        calibration, redistribute, correct_bias, conv_rounding, power_of_two_scales, add_rounding
    )
    nodes = read_graph(model)
    data = check_samples(calibration_data, nodes[0].shape, "calibration_data")
    observations = observe(nodes, data, lambda done: None)
    network, _ = quantize_nodes(model.name, nodes, observations, options)
    return network
