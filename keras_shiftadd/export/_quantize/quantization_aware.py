"""A model that sees int8 while it is trained."""

from typing import Any

import keras

from keras_shiftadd import layers as ours
from keras_shiftadd.export._arguments import check_samples
from keras_shiftadd.export._model.graph import Node, read_graph
from keras_shiftadd.export._model.plan import plan
from keras_shiftadd.export._quantize.observations import observe
from keras_shiftadd.export._quantize.options import Calibration, Options
from keras_shiftadd.export._quantize.tensors import TensorQuantizations


def quantization_aware(
    model: keras.Model, calibration_data: Any, calibration: Calibration = "mse"
) -> keras.Model:
    """A copy of a model that rounds its activations as int8 would, for fine-tuning.

    A `FakeQuantization` layer stands behind every tensor that `quantize` will round: fit the copy
    for a few epochs at a small learning rate, and pass it to `quantize`, which takes the ranges
    that were learned. Kernels are not rounded while training.

    Layers for training only, such as Dropout, are left out.

    Args:
        model: A built Functional or Sequential model that `quantize` can take. Its weights are
            copied.
        calibration_data: Array of shape `(samples, ...)`, typical inputs; the ranges start from
            them.
        calibration: How the ranges start, as for `quantize`.

    Returns:
        A Functional model, not compiled.

    Raises:
        UnsupportedLayerError: If a layer cannot be exported (a ValueError).
        TypeError: If an argument is of a wrong type.
        ValueError: If the model is not built or has several inputs or outputs, or an argument does
            not fit.

    Example:

    >>> aware = keras_shiftadd.export.quantization_aware(model, x_train[:256])
    >>> aware.compile(keras.optimizers.SGD(1e-3), loss="sparse_categorical_crossentropy")
    >>> aware.fit(x_train, y_train, epochs=2)
    >>> integer_model = keras_shiftadd.export.quantize(aware, x_train[:256])
    """
    nodes = read_graph(model)
    data = check_samples(calibration_data, nodes[0].shape, "calibration_data")
    observations = observe(nodes, data, lambda done: None)
    steps = plan(nodes)
    quantizations = TensorQuantizations(
        nodes, steps, observations, Options(calibration=calibration)
    )
    ends = {nodes[0], *(step.output for step in steps)}
    copies: dict[int, keras.layers.Layer] = {}
    inputs = keras.Input(nodes[0].shape, name=f"{model.name}_input")
    tensors: dict[Node, Any] = {}
    for node in nodes:
        if node.layer is None:
            tensor = inputs
        else:
            sources = [tensors[source] for source in node.inputs]
            many = len(sources) > 1 or isinstance(node.layer, keras.layers.Concatenate)
            tensor = _copy(node, copies)(sources if many else sources[0])
        if node in ends and node is not nodes[-1] and quantizations.is_chosen(node):
            quantization = quantizations.of(node)
            tensor = ours.FakeQuantization(
                quantization.low, quantization.high, name=f"{node.name}_int8_{len(tensors)}"
            )(tensor)
        tensors[node] = tensor
    return keras.Model(inputs, tensors[nodes[-1]], name=f"{model.name}_quantization_aware")


def _copy(node: Node, copies: dict[int, keras.layers.Layer]) -> keras.layers.Layer:
    """A layer of the same settings and weights; one for all calls of a layer."""
    layer = node.layer
    assert layer is not None
    if id(layer) not in copies:
        copy = type(layer).from_config(layer.get_config())
        shapes = [(None, *source.shape) for source in node.inputs]
        many = len(shapes) > 1 or isinstance(layer, keras.layers.Concatenate)
        copy.build(shapes if many else shapes[0])
        copy.set_weights(layer.get_weights())
        copies[id(layer)] = copy
    return copies[id(layer)]
