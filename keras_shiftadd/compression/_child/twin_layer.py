"""A tf_keras layer that computes what a layer of Keras 3 computes, with weights of its own."""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf
import tf_keras
from tensorflow_model_optimization.clustering.keras import ClusterableLayer
from tensorflow_model_optimization.sparsity.keras import PrunableLayer

from keras_shiftadd.compression._kernels import kernel_names, weight_names


@dataclass(frozen=True)
class Place:
    """The place of a tensor among the arguments of a call."""

    index: int


class _Untracked:
    """Holds an object that tf_keras shall not look into."""

    def __init__(self, value: Any) -> None:
        self.value = value


class TwinLayer(tf_keras.layers.Layer, PrunableLayer, ClusterableLayer):
    """The twin of a built layer, or of a function of `keras.ops` in a model's graph.

    The layer itself is called, without its state: the weights are tf_keras weights of this object,
    under the names that `weight_names` gives them. So that wrappers of Model Optimization can put a
    pruned, clustered or quantised tensor in the place of a weight, a weight is what the attribute
    of that name holds at the time of a call.

    Args:
        operation: The built layer, or another operation of a graph, on the TensorFlow backend.
        name: Name of this layer.
        arguments: The arguments of the call, with a `Place` for each tensor.
        keywords: The keyword arguments, likewise.

    Attributes:
        output_offset: None, or what is added to the output.
        cluster_above: Kernels of no more weights are not clustered.
    """

    def __init__(
        self, operation: Any, name: str, arguments: Sequence[Any], keywords: dict[str, Any]
    ) -> None:
        is_layer = isinstance(operation, keras.layers.Layer)
        trainable = bool(operation.trainable) if is_layer else False
        super().__init__(name=name, trainable=trainable, dtype="float32", autocast=False)
        self._operation = _Untracked(operation)
        self._call_arguments = _Untracked((list(arguments), dict(keywords)))
        self._variables = _Untracked({})
        self.output_offset: Any = None
        self.cluster_above = 0
        self._takes_training = (
            is_layer and "training" in inspect.signature(operation.call).parameters
        )
        self._names = weight_names(operation) if is_layer else {}

    @property
    def operation(self) -> Any:
        """The layer of Keras 3."""
        return self._operation.value

    def build(self, input_shape: Any) -> None:
        """Makes the weights, with the values of the layer's."""
        if not isinstance(self.operation, keras.layers.Layer):
            super().build(input_shape)
            return
        trainable = {id(variable) for variable in self.operation.trainable_variables}
        for name, variable in self._names.items():
            values = keras.ops.convert_to_numpy(variable.value)
            weight = self.add_weight(
                name=name,
                shape=values.shape,
                dtype=str(values.dtype),
                initializer=tf_keras.initializers.Constant(values),
                trainable=id(variable) in trainable,
            )
            weight.assign(values)
            setattr(self, name, weight)
            self._variables.value[name] = weight
        super().build(input_shape)

    def call(self, inputs: Any, training: Any = None) -> Any:
        """Calls the layer with the weights of this object."""
        leaves = inputs if isinstance(inputs, list | tuple) else [inputs]
        arguments, keywords = keras.tree.map_structure(
            lambda item: leaves[item.index] if isinstance(item, Place) else item,
            self._call_arguments.value,
        )
        operation = self.operation
        if not isinstance(operation, keras.layers.Layer):
            return operation(*arguments, **keywords)
        if self._takes_training:
            # A tensor comes only while the graph is laid out.
            keywords["training"] = False if tf.is_tensor(training) else bool(training)
        by_variable = {id(variable): name for name, variable in self._names.items()}
        states = [
            [tf.convert_to_tensor(getattr(self, by_variable[id(v)])) for v in variables]
            for variables in (operation.trainable_variables, operation.non_trainable_variables)
        ]
        outputs, updated, losses = operation.stateless_call(
            *states, *arguments, return_losses=True, **keywords
        )
        for variable, before, after in zip(
            operation.non_trainable_variables, states[1], updated, strict=True
        ):
            if after is not before:
                self._variables.value[by_variable[id(variable)]].assign(after)
        for loss in losses:
            self.add_loss(loss)
        return outputs if self.output_offset is None else outputs + self.output_offset

    def compute_output_shape(self, input_shape: Any) -> tf.TensorShape:
        """The output shape for an input shape."""
        if isinstance(input_shape, list) and input_shape and isinstance(input_shape[0], int):
            input_shape = tuple(input_shape)
        if isinstance(input_shape, list):
            shape: Any = [tuple(tf.TensorShape(item).as_list()) for item in input_shape]
        else:
            shape = tuple(tf.TensorShape(input_shape).as_list())
        return tf.TensorShape(self.operation.compute_output_shape(shape))

    def variable(self, name: str) -> tf.Variable:
        """The weight of a name, whatever a wrapper has put in its place."""
        return self._variables.value[name]

    def get_prunable_weights(self) -> list[tf.Variable]:
        """The kernels, for pruning."""
        return [self.variable(name) for name in kernel_names(self.operation)]

    def get_clusterable_weights(self) -> list[tuple[str, tf.Variable]]:
        """The kernels with their names, for clustering; none of few weights."""
        named = [(name, self.variable(name)) for name in kernel_names(self.operation)]
        return [
            (n, weight) for n, weight in named if weight.shape.num_elements() > self.cluster_above
        ]

    def carry_back(self, replaced: dict[str, Any] | None = None) -> None:
        """Gives the weights to the layer.

        Args:
            replaced: Values that stand for weights of these names.
        """
        for name, variable in self._names.items():
            value = (replaced or {}).get(name, self.variable(name))
            variable.assign(tf.convert_to_tensor(value))
