"""Counting of whole models."""

import keras
import pytest

import keras_shiftadd as ksa
from keras_shiftadd.cost import Operations, count_operations

layers = keras.layers


def by_name(counts):
    return {row.name: row for row in counts.rows}


def conv(name, filters=3):
    # Values do not matter here, and random ones take JAX a compilation for each shape.
    return layers.Conv2D(
        filters, 3, padding="same", use_bias=False, kernel_initializer="ones", name=name
    )


def test_shared_layer_counts_as_often_as_it_is_called_and_its_weights_once():
    shared = conv("shared")
    inputs = keras.Input((8, 8, 3))
    counts = count_operations(keras.Model(inputs, shared(shared(inputs))))
    row = by_name(counts)["shared"]
    assert row.calls == 2
    assert row.operations.multiply == 2 * 64 * 9 * 3 * 3
    assert row.parameters == 81


def test_shared_shift_layer_has_a_twin_of_as_many_calls():
    shared = ksa.layers.ShiftConv2D(3, 3, padding="same", use_bias=False)
    inputs = keras.Input((8, 8, 3))
    counts = count_operations(keras.Model(inputs, shared(shared(inputs))))
    twin = counts.multiplicative_twin()
    assert twin.operations.multiply == counts.operations.shift == 2 * 64 * 81
    assert twin.parameters == 81


def test_shared_layer_on_two_sizes_counts_each():
    shared = conv("shared")
    a, b = keras.Input((8, 8, 3)), keras.Input((4, 4, 3))
    counts = count_operations(keras.Model([a, b], [shared(a), shared(b)]))
    assert by_name(counts)["shared"].operations.multiply == (64 + 16) * 81


def test_nested_models_are_entered_and_named_by_path():
    inner = keras.Sequential([keras.Input((8, 8, 3)), conv("conv")], name="inner")
    middle_in = keras.Input((8, 8, 3))
    middle = keras.Model(middle_in, layers.ReLU(name="relu")(inner(middle_in)), name="middle")
    model = keras.Sequential([keras.Input((8, 8, 3)), middle, layers.Flatten(name="flat")])
    rows = by_name(count_operations(model))
    assert list(rows) == ["middle/inner/conv", "middle/relu", "flat"]
    assert rows["middle/inner/conv"].operations.multiply == 64 * 81


def test_nested_model_called_twice_counts_twice():
    block = keras.Sequential([keras.Input((8, 8, 3)), conv("conv")], name="block")
    inputs = keras.Input((8, 8, 3))
    counts = count_operations(keras.Model(inputs, block(block(inputs))))
    assert by_name(counts)["block/conv"].calls == 2
    assert counts.operations.multiply == 2 * 64 * 81


def test_nested_model_is_counted_at_the_size_it_is_called_with():
    block = keras.Sequential([keras.Input((None, None, 3)), conv("conv")], name="block")
    inputs = keras.Input((8, 8, 3))
    counts = count_operations(keras.Model(inputs, block(layers.MaxPooling2D(2)(inputs))))
    assert by_name(counts)["block/conv"].operations.multiply == 16 * 81


class Residual(layers.Layer):
    """A layer made of other layers."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.conv = conv("conv")
        self.norm = layers.BatchNormalization(name="norm")

    def build(self, input_shape):
        self.conv.build(input_shape)
        self.norm.build(input_shape)

    def call(self, inputs, training=False):
        return keras.ops.relu(inputs + self.norm(self.conv(inputs), training=training))


class Network(keras.Model):
    def __init__(self):
        super().__init__()
        self.residual = Residual(name="residual")
        self.head = layers.Dense(2, name="head")

    def call(self, inputs, training=False):
        return self.head(self.residual(inputs, training=training))


def test_layer_made_of_layers_is_entered():
    model = keras.Sequential([keras.Input((8, 8, 3)), Residual(name="residual")])
    counts = count_operations(model)
    elements = 64 * 3
    assert counts.not_counted == ()
    # convolution; normalisation; addition; relu
    assert counts.operations == Operations(
        64 * 81 + elements, 64 * 81 + elements + elements + elements
    )


class Scaled(layers.Layer):
    """A layer made of another, with a weight of its own."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense = layers.Dense(3, name="dense")

    def build(self, input_shape):
        self.dense.build(input_shape)
        self.gain = self.add_weight(shape=(3,), name="gain")

    def call(self, inputs):
        return self.dense(inputs) * self.gain


def test_weights_of_a_layer_made_of_layers_are_not_lost():
    model = keras.Sequential([keras.Input((3,)), Scaled(name="scaled")])
    counts = count_operations(model)
    rows = by_name(counts)
    assert rows["scaled/dense"].parameters == 12
    assert rows["scaled"].parameters == 3
    assert counts.operations == Operations(9 + 3, 9 + 3)


def test_inputs_by_name_are_counted():
    a, b = keras.Input((3,), name="a"), keras.Input((5,), name="b")
    outputs = {"out": layers.Dense(2)(layers.Concatenate()([a, b]))}
    assert count_operations(keras.Model({"a": a, "b": b}, outputs)).operations.multiply == 16


def test_subclassed_model_is_counted_through_its_call():
    model = Network()
    model(keras.ops.zeros((2, 8, 8, 3)))
    rows = by_name(count_operations(model, input_shape=(8, 8, 3)))
    assert rows["residual/conv"].operations.multiply == 64 * 81
    assert rows["head"].operations == Operations(64 * 3 * 2, 64 * 3 * 2 + 64 * 2)


def test_subclassed_model_of_two_inputs_gets_them_as_a_list():
    class Sum(keras.Model):
        def call(self, inputs):
            return inputs[0] + inputs[1]

    model = Sum()
    model([keras.ops.zeros((1, 3)), keras.ops.zeros((1, 3))])
    counts = count_operations(model, input_shape=[(3,), (3,)])
    assert counts.operations == Operations(add=3)


def test_counts_are_for_one_example_whatever_the_batch_size():
    inputs = keras.Input(batch_shape=(16, 8, 8, 3))
    counts = count_operations(keras.Model(inputs, conv("conv")(inputs)))
    assert counts.operations.multiply == 64 * 81


def test_model_with_open_sizes_asks_for_input_shape():
    inputs = keras.Input((None, None, 3))
    model = keras.Model(inputs, conv("conv")(inputs))
    with pytest.raises(ValueError, match="input_shape="):
        count_operations(model)
    assert count_operations(model, input_shape=(8, 4, 3)).operations.multiply == 32 * 81


@pytest.mark.parametrize("shape", [(8, 8), (8, 8, 4), [(8, 8, 3), (8, 8, 3)]])
def test_input_shape_that_does_not_fit_is_refused(shape):
    inputs = keras.Input((None, None, 3))
    with pytest.raises(ValueError, match="must fit the inputs"):
        count_operations(keras.Model(inputs, conv("conv")(inputs)), input_shape=shape)


def test_several_inputs_take_a_list_of_shapes():
    a, b = keras.Input((None, 3)), keras.Input((None, 3))
    model = keras.Model([a, b], layers.Add()([a, b]))
    counts = count_operations(model, input_shape=[(5, 3), (5, 3)])
    assert counts.operations == Operations(add=15)


def test_unbuilt_model_is_refused():
    with pytest.raises(ValueError, match="must be built"):
        count_operations(keras.Sequential([layers.Dense(2)]))


def test_something_else_is_refused():
    with pytest.raises(TypeError, match="Keras model"):
        count_operations("model.keras")


def test_unknown_layer_is_named_and_not_taken_for_free():
    model = keras.Sequential([keras.Input((8, 3)), layers.LSTM(4, name="memory")])
    counts = count_operations(model)
    (row,) = counts.rows
    assert not row.counted
    assert row.parameters == model.count_params()
    assert [(entry.name, entry.class_name) for entry in counts.not_counted] == [("memory", "LSTM")]


def test_subclass_with_its_own_call_is_not_taken_for_its_base():
    class Twice(layers.Dense):
        def call(self, inputs, training=None):
            return super().call(super().call(inputs))

    counts = count_operations(keras.Sequential([keras.Input((3,)), Twice(3, name="twice")]))
    assert [entry.name for entry in counts.not_counted] == ["twice"]


def test_softmax_behind_a_counted_layer_is_named():
    model = keras.Sequential([keras.Input((3,)), layers.Dense(2, "softmax", name="head")])
    counts = count_operations(model)
    assert counts.rows[0].counted
    assert counts.operations == Operations(6, 8)
    assert "softmax" in counts.not_counted[0].reason


def test_activation_layer_that_no_rule_knows_is_not_taken_for_free():
    model = keras.Sequential([keras.Input((3,)), layers.Activation("tanh", name="squash")])
    counts = count_operations(model)
    assert not counts.rows[0].counted
    assert "tanh" in counts.not_counted[0].reason


def test_square_roots_of_a_layer_normalization_are_named():
    model = keras.Sequential([keras.Input((3,)), layers.LayerNormalization()])
    counts = count_operations(model)
    assert counts.operations == Operations(3 * 3, 3 * 4)
    assert "square root" in counts.not_counted[0].reason


def test_counting_leaves_the_model_as_it_was():
    inputs = keras.Input((8, 8, 3))
    layer = conv("conv")
    model = keras.Model(inputs, layer(inputs))
    model.compile("sgd", "mse")
    before = [variable.path for variable in model.variables]
    count_operations(model)
    # A layer with two calls would refuse this attribute.
    assert layer.output.shape == (None, 8, 8, 3)
    assert [variable.path for variable in model.variables] == before
