"""Trains a model with the rounding of int8."""

from typing import Any

import keras
import numpy as np

from keras_shiftadd import layers as ours
from keras_shiftadd.compression._job import all_layers, check_model, run_job
from keras_shiftadd.compression._kernels import kernel_problem
from keras_shiftadd.compression._training import read_training
from keras_shiftadd.export import quantization_aware
from keras_shiftadd.ops._numbers import positive


def quantize_aware(
    model: keras.Model,
    x: Any,
    y: Any = None,
    calibration_samples: int = 256,
    optimizer: Any = None,
    loss: Any = None,
    metrics: Any = None,
    seed: int | None = None,
    verbose: int = 1,
    **kwargs: Any,
) -> keras.Model:
    """Trains a model with the int8 numbers that the export will give it.

    TensorFlow Model Optimization does it (`QuantizeWrapperV2`), in a process of its own, on any
    backend of Keras. Rounded in each step of the training are

    - the tensors that the export rounds, by the `FakeQuantization` layers that
      `keras_shiftadd.export.quantization_aware` puts there. Their ranges are trained;
    - kernels of multiplicative layers, with a scale for each output channel;
    - kernels of shift layers to powers of two, of which int8 holds seven below each other in a
      channel;
    - kernels of adder layers to the numbers of their input: one scale, one zero point.

    A BatchNormalization is trained as it is; the export merges it into the layer before it.

    Args:
        model: A built Functional or Sequential model with one input and one output, of the layers
            that the export knows. It is not changed. One that has `FakeQuantization` layers
            already is trained with these.
        x: Array of inputs.
        y: Array of targets; None where the loss needs none.
        calibration_samples: How many of the first samples of `x` the first ranges are measured on.
        optimizer: As `compile` takes it; None for that of the compiled model, anew. A small
            learning rate will do.
        loss: Likewise.
        metrics: Likewise.
        seed: Integer that decides over shuffling, or None.
        verbose: 0 is silent; 1 prints a line for each epoch.
        **kwargs: Keyword arguments of `fit`: `batch_size`, `epochs`, `validation_data`,
            `validation_split`, `shuffle`, `class_weight`, `sample_weight` and others that take no
            object.

    Returns:
        A new model of the same layers and `FakeQuantization` layers between them, compiled, whose
        kernels hold the rounded weights. Layers that act in training only, such as Dropout, are
        left out. `history` holds the losses and metrics. `keras_shiftadd.export.quantize` takes its
        ranges and gets the integers of the training.

    Raises:
        ImportError: If tensorflow-model-optimization or tf-keras is not installed.
        TypeError: If an argument is of a wrong type, or unknown.
        ValueError: If a layer cannot be exported, or cannot be trained so.
        RuntimeError: If the process that trains fails.

    Example:

    >>> trained = keras_shiftadd.compression.quantize_aware(model, x_train, y_train, epochs=5)
    >>> integers = keras_shiftadd.export.quantize(trained, x_train[:256])

    Reference:
        - [Jacob et al., 2018](https://arxiv.org/abs/1712.05877), section 3.
        - [Esser et al., 2020, Learned Step Size Quantization](https://arxiv.org/abs/1902.08153),
          for the gradient of the ranges.
    """
    check_model(model)
    layers = all_layers(model)
    for layer in layers:
        problem = kernel_problem(layer) if isinstance(layer, ours.HybridConv2D) else None
        if problem is not None:
            raise ValueError(
                f"Layer '{layer.name}' cannot be trained with int8 numbers: {problem}."
            )
    calibration_samples = positive(calibration_samples, "calibration_samples")
    training = read_training(model, x, y, optimizer, loss, metrics, seed, kwargs)
    if not any(isinstance(layer, ours.FakeQuantization) for layer in layers):
        samples = np.asarray(training.arrays["x"][0][:calibration_samples])
        model = quantization_aware(model, samples)
    return run_job("quantize", model, {}, training, verbose).model
