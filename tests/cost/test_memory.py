"""Flash and RAM against figures worked out by hand."""

import keras
import pytest

import keras_shiftadd as ksa
from keras_shiftadd.cost import count_operations, estimate

layers = keras.layers
PLAIN = {"use_bias": False, "kernel_initializer": "ones"}
# Elements of a tensor of 4x4 positions, a channel.
POSITIONS = 16


def conv(filters, name):
    return layers.Conv2D(filters, 1, **PLAIN, name=name)


def live(outputs, inputs):
    """Activations in memory, by layer, in channels of 4x4 positions."""
    rows = count_operations(keras.Model(inputs, outputs)).rows
    return {row.name: row.live // POSITIONS for row in rows}


@pytest.fixture
def inputs():
    return keras.Input((4, 4, 3))


def test_layer_keeps_its_input_and_its_output(inputs):
    x = conv(7, "second")(conv(5, "first")(inputs))
    assert live(x, inputs) == {"first": 3 + 5, "second": 5 + 7}


def test_shortcut_stays_until_it_is_added(inputs):
    x = conv(9, "wide")(inputs)
    x = conv(3, "back")(x)
    x = layers.Add(name="add")([x, inputs])
    assert live(x, inputs) == {"wide": 3 + 9, "back": 3 + 9 + 3, "add": 3 + 3}


def test_tensor_with_several_readers_stays_until_the_last_one(inputs):
    a, b, c = conv(5, "a")(inputs), conv(6, "b")(inputs), conv(7, "c")(inputs)
    x = layers.Concatenate(name="joined")([a, b, c])
    # Branches run in the order of the graph; the input stays for all of them.
    got = live(x, inputs)
    assert got["joined"] == 2 * (5 + 6 + 7)
    assert sorted(got.values())[:2] == [3 + 5, 3 + 5 + 6]
    assert sorted(got.values())[2] == 3 + 5 + 6 + 7


def test_elementwise_layers_write_over_an_input_that_nobody_reads_afterwards(inputs):
    x = conv(5, "conv")(inputs)
    x = layers.ReLU(name="relu")(layers.BatchNormalization(name="norm")(x))
    assert live(x, inputs) == {"conv": 3 + 5, "norm": 5, "relu": 5}


def test_elementwise_layer_needs_a_buffer_where_its_input_is_read_again(inputs):
    x = layers.ReLU(name="relu")(inputs)
    x = layers.Add(name="add")([conv(3, "conv")(x), inputs])
    assert live(x, inputs) == {"relu": 3 + 3, "conv": 3 + 3 + 3, "add": 3 + 3}


def test_small_input_is_not_written_over_by_a_larger_output(inputs):
    small = layers.GlobalAveragePooling2D(keepdims=True)(inputs)
    gated = layers.Multiply(name="gate")([small, inputs])
    gate = count_operations(keras.Model(inputs, gated)).rows[-1]
    assert gate.live == 3 * POSITIONS + 3


def test_views_share_the_memory_of_their_input(inputs):
    x = layers.Flatten(name="flat")(layers.Dropout(0.5, name="drop")(conv(5, "conv")(inputs)))
    x = layers.Reshape((4, 4, 5), name="shaped")(x)
    x = layers.ReLU(name="relu")(x)
    assert live(x, inputs) == {"conv": 8, "drop": 5, "flat": 5, "shaped": 5, "relu": 5}


def test_view_keeps_its_input_alive_for_later_readers(inputs):
    flat = layers.Reshape((16, 3), name="flat")(inputs)
    x = conv(9, "wide")(inputs)
    x = layers.Reshape((16, 3))(conv(3, "back")(x))
    x = layers.Add(name="add")([x, flat])
    assert live(x, inputs)["back"] == 3 + 9 + 3


def test_outputs_stay_to_the_end(inputs):
    early = conv(5, "early")(inputs)
    late = conv(2, "late")(conv(7, "middle")(early))
    got = live([early, late], inputs)
    assert got["late"] == 5 + 7 + 2


def test_second_input_is_there_from_the_start(inputs):
    other = keras.Input((4, 4, 6))
    x = conv(6, "conv")(inputs)
    assert live(layers.Add()([x, other]), [inputs, other])["conv"] == 3 + 6 + 6


def test_value_between_shift_and_adder_is_in_memory(inputs):
    layer = ksa.layers.ShiftAdderConv2D(9, 1, **PLAIN, name="both")
    (row,) = count_operations(keras.Model(inputs, layer(inputs))).rows
    assert row.live == POSITIONS * (9 + 9)
    assert row.multiplicative_twin().live == POSITIONS * (3 + 9)


def test_nested_model_keeps_what_the_outer_one_still_needs(inputs):
    inner_inputs = keras.Input((4, 4, 3))
    inner = keras.Model(inner_inputs, conv(3, "b")(conv(9, "a")(inner_inputs)), name="inner")
    x = layers.Add(name="add")([inner(inputs), inputs])
    assert live(x, inputs) == {"inner/a": 3 + 9, "inner/b": 3 + 9 + 3, "add": 3 + 3}


def test_layer_made_of_layers_keeps_its_shortcut():
    class Residual(layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.wide, self.back = conv(9, "wide"), conv(3, "back")

        def build(self, input_shape):
            self.wide.build(input_shape)
            self.back.build((*input_shape[:-1], 9))

        def call(self, inputs):
            return inputs + self.back(self.wide(inputs))

    model = keras.Sequential([keras.Input((4, 4, 3)), Residual(name="residual")])
    rows = {row.name: row.live // POSITIONS for row in count_operations(model).rows}
    assert rows["residual/wide"] == 3 + 9
    assert rows["residual/back"] == 3 + 9 + 3


def test_ram_is_the_most_at_a_time_in_the_word_length(inputs):
    model = keras.Model(inputs, conv(7, "second")(conv(5, "first")(inputs)))
    assert estimate(model).ram == 12 * POSITIONS
    assert estimate(model, bits=32).ram == 4 * 12 * POSITIONS


def test_network_that_does_nothing_keeps_its_input(inputs):
    assert estimate(keras.Model(inputs, layers.Flatten()(inputs))).ram == 3 * POSITIONS


def test_flash_takes_every_weight_at_its_bits():
    layer = ksa.layers.ShiftDense(4, weight_bits=4, kernel_initializer="ones")
    model = keras.Sequential([keras.Input((9,)), layer])
    assert estimate(model).flash == 9 * 4 // 2 + 4
    assert estimate(model, bits=32).flash == 9 * 4 // 2 + 4 * 4


def test_weights_of_a_layer_start_on_a_byte():
    model = keras.Sequential(
        [keras.Input((1,)), ksa.layers.ShiftDense(1), ksa.layers.ShiftDense(1)]
    )
    assert estimate(model).flash == 2 * 2


def test_processors_store_a_weight_of_a_shift_layer_in_a_byte():
    layer = ksa.layers.ShiftDense(4, kernel_initializer="ones")
    model = keras.Sequential([keras.Input((9,)), layer])
    for target in ("cortex-m4", "cortex-m0", "rv32i"):
        assert estimate(model, target).flash == 9 * 4 + 4


def test_shared_layer_is_stored_once(inputs):
    layer = conv(3, "shared")
    assert estimate(keras.Model(inputs, layer(layer(inputs)))).flash == 9
