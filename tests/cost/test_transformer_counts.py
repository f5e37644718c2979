"""Counts of feed-forward parts, lightweight convolutions, mixtures, blocks and models."""

import keras
import pytest

import keras_shiftadd as ksa
from keras_shiftadd.cost import Operations, count_operations

L = ksa.layers
TOKENS, CHANNELS, HIDDEN = 6, 8, 12
ELEMENTS = TOKENS * CHANNELS
DENSE = TOKENS * CHANNELS * HIDDEN


def counts_of(layer):
    inputs = keras.Input((TOKENS, CHANNELS))
    return count_operations(keras.Model(inputs, layer(inputs)))


def total(counts):
    return sum((row.operations for row in counts.rows), Operations())


def test_a_feed_forward_part_is_two_dense_layers():
    layer = L.HybridFeedForward(HIDDEN, projection={"hidden": "shift", "output": "adder"})
    counts = counts_of(layer)
    assert total(counts) == Operations(
        # The normalisation behind the adder multiplies and adds.
        multiply=ELEMENTS,
        add=DENSE + TOKENS * HIDDEN + TOKENS * HIDDEN + 2 * DENSE + ELEMENTS,
        shift=DENSE,
    )
    assert sum(row.parameters for row in counts.rows) == layer.count_params()


@pytest.mark.parametrize("operator", ["conv", "shift", "adder", "shift_adder"])
def test_a_lightweight_convolution_has_one_kernel_a_head(operator):
    layer = L.HybridLightweightConv1D(3, 2, operator=operator, use_bias=False, weight_bits=4)
    counts = counts_of(layer)
    (row,) = (row for row in counts.rows if row.name.endswith("depthwise"))
    taps = 3 * ELEMENTS
    normalised = ELEMENTS * Operations(multiply=1, add=1)
    assert (
        row.operations
        == {
            "conv": Operations(multiply=taps, add=taps),
            "shift": Operations(shift=taps, add=taps),
            "adder": Operations(add=2 * taps) + normalised,
            "shift_adder": Operations(shift=taps, add=3 * taps) + normalised,
        }[operator]
    )
    assert sum(row.parameters for row in counts.rows) == layer.count_params()
    twin = row.multiplicative_twin().operations
    assert twin.multiply >= taps
    assert twin.shift == 0


def test_every_expert_of_a_mixture_is_counted():
    layer = L.MixtureOfPrimitives(HIDDEN, experts=("dense", "shift"))
    counts = counts_of(layer)
    operations = total(counts)
    assert operations.shift == 2 * DENSE
    assert operations.multiply == 2 * DENSE + TOKENS * CHANNELS * 2 + 2 * ELEMENTS
    assert sum(row.parameters for row in counts.rows) == layer.count_params()
    assert [entry.reason for entry in counts.not_counted] == [
        f"softmax of {2 * TOKENS} scores, and the choice of the largest"
    ]


def test_a_block_is_counted_part_by_part():
    block = L.HybridEncoderBlock(HIDDEN, 2, operator="attention+shift", feed_forward="shift")
    counts = counts_of(block)
    names = {row.name.split("/", 1)[1] for row in counts.rows if "/" in row.name}
    assert {"mixer/attention", "mixer/convolution/depthwise", "mixer_norm"} <= names
    assert sum(row.parameters for row in counts.rows) == block.count_params()
    assert all("no rule" not in entry.reason for entry in counts.not_counted)


def test_a_translation_model_is_counted():
    model = ksa.models.HybridTransformer(
        20,
        embedding_dim=CHANNELS,
        hidden_units=HIDDEN,
        num_heads=2,
        encoder_operators=("attention+adder",),
        decoder_operators=("attention",),
    )
    counts = count_operations(model, input_shape=[(TOKENS,), (TOKENS,)])
    assert sum(row.parameters for row in counts.rows) == model.count_params()
    assert all("no rule" not in entry.reason for entry in counts.not_counted)
    (row,) = (row for row in counts.rows if row.name == "source_embedding")
    assert row.operations.multiply == 2 * ELEMENTS + ELEMENTS * 20


def test_a_vision_model_is_counted():
    model = ksa.models.HybridViT(
        (8, 8, 3),
        patch_size=4,
        embedding_dim=8,
        hidden_units=12,
        num_heads=2,
        operators=("attention", "conv"),
        similarity="binary_linear",
        feed_forward=("mixture", "dense"),
    )
    counts = count_operations(model)
    assert sum(row.parameters for row in counts.rows) == model.count_params()
    assert all("no rule" not in entry.reason for entry in counts.not_counted)
