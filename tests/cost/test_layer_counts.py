"""Counts of single layers against figures worked out by hand."""

import keras
import pytest

import keras_shiftadd as ksa
from keras_shiftadd.cost import Operations, count_operations

layers = keras.layers


def count(layer, *input_shapes):
    """The row of a layer that is called once, on inputs of these shapes."""
    inputs = [keras.Input(shape) for shape in input_shapes]
    model = keras.Model(inputs, layer(inputs[0] if len(inputs) == 1 else inputs))
    counts = count_operations(model)
    assert counts.not_counted == ()
    (row,) = counts.rows
    return row


MULTIPLICATIVE = [
    # positions * taps * input channels * filters, + bias
    (layers.Conv1D(4, 3, padding="same", use_bias=False), (10, 2), 10 * 3 * 2 * 4, 0),
    (layers.Conv1D(4, 3, padding="causal", strides=2), (10, 2), 5 * 3 * 2 * 4, 5 * 4),
    (layers.Conv2D(4, (3, 5), padding="same"), (8, 6, 2), 48 * 15 * 2 * 4, 48 * 4),
    (layers.Conv2D(4, 3, strides=2, use_bias=False), (9, 9, 2), 16 * 9 * 2 * 4, 0),
    (layers.Conv2D(4, 3, dilation_rate=2, use_bias=False), (9, 9, 2), 25 * 9 * 2 * 4, 0),
    (layers.Conv2D(4, 3, groups=2, use_bias=False), (6, 6, 6), 16 * 9 * 3 * 4, 0),
    (layers.Conv3D(2, 2, use_bias=False), (3, 3, 3, 4), 8 * 8 * 4 * 2, 0),
    (layers.DepthwiseConv1D(3, padding="same", use_bias=False), (10, 4), 10 * 3 * 4, 0),
    (layers.DepthwiseConv2D(3, depth_multiplier=2), (6, 6, 4), 16 * 9 * 8, 16 * 8),
    (
        layers.SeparableConv2D(5, 3, padding="same", depth_multiplier=2),
        (6, 6, 4),
        36 * 9 * 8 + 36 * 8 * 5,
        36 * 5,
    ),
    (
        layers.Conv2DTranspose(3, 4, strides=2, padding="same"),
        (5, 5, 2),
        25 * 16 * 2 * 3,
        100 * 3,
    ),
    (layers.Dense(7), (5,), 5 * 7, 7),
    (layers.Dense(7, use_bias=False), (4, 5), 4 * 5 * 7, 0),
    (layers.EinsumDense("abc,cde->abde", (6, 2, 3), bias_axes="e"), (6, 5), 6 * 5 * 6, 36),
    (layers.EinsumDense("...x,xy->...y", 2), (6, 5), 6 * 5 * 2, 0),
]


@pytest.mark.parametrize(
    ("layer", "shape", "steps", "bias"),
    MULTIPLICATIVE,
    ids=[f"{entry[0].__class__.__name__}-{i}" for i, entry in enumerate(MULTIPLICATIVE)],
)
def test_multiplicative_layer_multiplies_and_adds_once_a_step(layer, shape, steps, bias):
    row = count(layer, shape)
    assert row.operations == Operations(multiply=steps, add=steps + bias)
    assert row.operator == "conv"
    assert row.parameters == layer.count_params()


OURS = [
    (
        ksa.layers.ShiftConv1D,
        layers.Conv1D,
        {"filters": 4, "kernel_size": 3, "kernel_initializer": "ones", "padding": "same"},
        (10, 2),
    ),
    (
        ksa.layers.AdderConv1D,
        layers.Conv1D,
        {"filters": 4, "kernel_size": 3, "kernel_initializer": "ones", "strides": 2},
        (10, 2),
    ),
    (
        ksa.layers.ShiftConv2D,
        layers.Conv2D,
        {"filters": 4, "kernel_size": 3, "kernel_initializer": "ones", "groups": 2},
        (7, 6, 4),
    ),
    (
        ksa.layers.AdderConv2D,
        layers.Conv2D,
        {
            "filters": 4,
            "kernel_size": 3,
            "kernel_initializer": "ones",
            "dilation_rate": 2,
            "use_bias": False,
        },
        (7, 6, 4),
    ),
    (
        ksa.layers.ShiftDepthwiseConv2D,
        layers.DepthwiseConv2D,
        {"kernel_size": 3, "depth_multiplier": 2},
        (7, 6, 4),
    ),
    (
        ksa.layers.AdderDepthwiseConv2D,
        layers.DepthwiseConv2D,
        {"kernel_size": 3, "strides": 2, "padding": "same"},
        (7, 6, 4),
    ),
    (ksa.layers.ShiftDense, layers.Dense, {"units": 7}, (4, 5)),
    (ksa.layers.AdderDense, layers.Dense, {"units": 7, "activation": "relu"}, (5,)),
]


@pytest.mark.parametrize(
    ("ours", "counterpart", "arguments", "shape"), OURS, ids=[entry[0].__name__ for entry in OURS]
)
class TestLayersOfThisPackage:
    def test_twin_is_the_keras_counterpart(self, ours, counterpart, arguments, shape):
        expected = count(counterpart(**arguments), shape)
        twin = count(ours(**arguments), shape).multiplicative_twin()
        assert twin.operations == expected.operations
        assert twin.charged_operations("paper") == expected.charged_operations("paper")
        assert twin.size_bits(8) == expected.size_bits(8)

    def test_steps_of_the_counterpart_are_done_without_multiplying(
        self, ours, counterpart, arguments, shape
    ):
        reference = count(counterpart(**arguments), shape).operations
        row = count(ours(**arguments), shape)
        steps = reference.multiply
        if row.operator == "shift":
            assert row.operations == Operations(shift=steps, add=reference.add)
        else:
            assert row.operator == "adder"
            assert row.operations == Operations(add=reference.add + steps)


@pytest.mark.parametrize("form", ["quantized", "sign_exponent", "dense"])
def test_shift_kernel_takes_weight_bits_whatever_the_training_form(form):
    row = count(ksa.layers.ShiftConv2D(4, 3, form=form, weight_bits=4), (6, 6, 2))
    kernel = 3 * 3 * 2 * 4
    assert row.parameters == kernel + 4
    assert row.weight_bits(8) == (4,)
    assert row.size_bits(8) == kernel * 4 + 4 * 8


def test_shift_adder_does_both_and_stands_in_for_one_convolution():
    row = count(ksa.layers.ShiftAdderConv2D(4, 3, strides=2, padding="same"), (8, 8, 2))
    shifts, adders, bias = 16 * 9 * 2 * 4, 16 * 9 * 4 * 4, 16 * 4
    assert row.operator == "shift+adder"
    assert row.operations == Operations(shift=shifts, add=shifts + 2 * adders + bias)
    assert row.size_bits(8) == 72 * 5 + 144 * 8 + 4 * 8
    twin = row.multiplicative_twin()
    assert twin.operations == Operations(multiply=shifts, add=shifts + bias)
    assert twin.parameters == 72 + 4


@pytest.mark.parametrize("operator", ["conv", "shift", "adder"])
def test_hybrid_counts_as_its_operator(operator):
    row = count(ksa.layers.HybridConv2D(4, 3, operator=operator, use_bias=False), (6, 6, 2))
    steps = 16 * 9 * 2 * 4
    assert (
        row.operations
        == {
            "conv": Operations(multiply=steps, add=steps),
            "shift": Operations(shift=steps, add=steps),
            "adder": Operations(add=2 * steps),
        }[operator]
    )
    assert row.parameters == 9 * 2 * 4


ELEMENTS = 4 * 4 * 3
SMALL = (4, 4, 3)
ELEMENTWISE = [
    (layers.BatchNormalization(), Operations(ELEMENTS, ELEMENTS)),
    (layers.BatchNormalization(center=False, scale=False), Operations(ELEMENTS, ELEMENTS)),
    (layers.Rescaling(1 / 255), Operations(ELEMENTS, ELEMENTS)),
    (layers.ReLU(), Operations(0, ELEMENTS)),
    (layers.ReLU(max_value=6.0), Operations(0, 2 * ELEMENTS)),
    (layers.ReLU(negative_slope=0.1), Operations(ELEMENTS, ELEMENTS)),
    (layers.LeakyReLU(), Operations(ELEMENTS, ELEMENTS)),
    (layers.PReLU(), Operations(ELEMENTS, ELEMENTS)),
    (layers.Activation("relu6"), Operations(0, 2 * ELEMENTS)),
    (layers.Activation("hard_silu"), Operations(2 * ELEMENTS, 3 * ELEMENTS)),
    (layers.Activation("linear"), Operations()),
    (layers.MaxPooling2D(2), Operations(0, 12 * 3)),
    (layers.AveragePooling2D(2), Operations(12, 12 * 3)),
    (layers.GlobalAveragePooling2D(), Operations(3, 3 * 15)),
    (layers.GlobalMaxPooling2D(keepdims=True), Operations(0, 3 * 15)),
    (layers.Flatten(), Operations()),
    (layers.Reshape((16, 3)), Operations()),
    (layers.Permute((2, 1, 3)), Operations()),
    (layers.Dropout(0.5), Operations()),
    (layers.ZeroPadding2D(1), Operations()),
    (layers.UpSampling2D(2), Operations()),
]


@pytest.mark.parametrize(
    ("layer", "operations"),
    ELEMENTWISE,
    ids=[f"{entry[0].__class__.__name__}-{i}" for i, entry in enumerate(ELEMENTWISE)],
)
def test_layer_without_kernel(layer, operations):
    row = count(layer, SMALL)
    assert row.operations == operations
    assert row.operator is None
    assert row.counted


@pytest.mark.parametrize(
    ("layer", "operations"),
    [
        (layers.Add(), Operations(0, 2 * ELEMENTS)),
        (layers.Multiply(), Operations(2 * ELEMENTS, 0)),
        (layers.Maximum(), Operations(0, 2 * ELEMENTS)),
        (layers.Average(), Operations(ELEMENTS, 2 * ELEMENTS)),
        (layers.Concatenate(), Operations()),
    ],
    ids=lambda value: value.__class__.__name__,
)
def test_merge_of_three_tensors(layer, operations):
    assert count(layer, SMALL, SMALL, SMALL).operations == operations


def test_activation_inside_a_layer_is_counted_with_it():
    plain = count(layers.Dense(7), (5,)).operations
    with_relu = count(layers.Dense(7, activation="relu"), (5,)).operations
    assert with_relu == plain + Operations(add=7)


def test_channels_first_counts_the_same():
    last = count(
        ksa.layers.ShiftConv2D(4, 3, padding="same", data_format="channels_last"), (8, 6, 2)
    )
    first = count(
        ksa.layers.ShiftConv2D(4, 3, padding="same", data_format="channels_first"), (2, 8, 6)
    )
    assert first.operations == last.operations
    assert first.parameters == last.parameters


@pytest.mark.parametrize("inner", [layers.Conv1D(4, 3), ksa.layers.AdderConv1D(4, 3)])
def test_time_distributed_layer_counts_its_layer_at_every_step(inner):
    once = count(type(inner).from_config(inner.get_config()), (8, 2))
    row = count(layers.TimeDistributed(inner), (5, 8, 2))
    assert row.operations == 5 * once.operations
    assert row.multiplicative_twin().operations == 5 * once.multiplicative_twin().operations
    assert row.parameters == once.parameters


def test_subclass_that_keeps_call_counts_as_its_base():
    class Named(layers.Conv2D):
        pass

    assert count(Named(4, 3, use_bias=False), (6, 6, 2)).operations.multiply == 16 * 9 * 2 * 4
