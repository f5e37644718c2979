"""Counts of attention layers."""

import keras
import pytest

import keras_shiftadd as ksa
from keras_shiftadd.cost import Operations, count_operations

layers = keras.layers
# Values do not matter here, and random ones take JAX a compilation for each shape.
ONES = {"kernel_initializer": "ones"}
TOKENS, CHANNELS, HEADS, SIZE = 6, 10, 2, 4
UNITS = HEADS * SIZE
PROJECTIONS = TOKENS * CHANNELS * UNITS * 4
PRODUCTS = 2 * HEADS * TOKENS * TOKENS * SIZE
BIASES = TOKENS * (3 * UNITS + CHANNELS)
SCALE = TOKENS * UNITS


def self_attention(layer):
    inputs = keras.Input((TOKENS, CHANNELS))
    return keras.Model(inputs, layer(inputs, inputs))


def row_of(model):
    (row,) = count_operations(model).rows
    return row


def test_multi_head_attention_multiplies_in_projections_scores_and_sums():
    model = self_attention(layers.MultiHeadAttention(HEADS, SIZE, **ONES))
    row = row_of(model)
    steps = PROJECTIONS + PRODUCTS
    assert row.operations == Operations(multiply=steps + SCALE, add=steps + BIASES)
    assert row.parameters == model.count_params()


@pytest.mark.parametrize("projection", ["dense", "shift"])
def test_hybrid_attention_has_the_steps_of_multi_head_attention(projection):
    row = row_of(
        self_attention(ksa.layers.HybridAttention(HEADS, SIZE, projection=projection, **ONES))
    )
    products = Operations(multiply=PRODUCTS + SCALE, add=PRODUCTS + BIASES)
    projections = {
        "dense": Operations(multiply=PROJECTIONS, add=PROJECTIONS),
        "shift": Operations(shift=PROJECTIONS, add=PROJECTIONS),
    }[projection]
    assert row.operations == products + projections
    ordinary = row_of(self_attention(layers.MultiHeadAttention(HEADS, SIZE, **ONES)))
    assert row.parameters == ordinary.parameters
    assert row.multiplicative_twin().operations == ordinary.operations
    assert row.live == ordinary.live


def test_adder_projections_are_normalised():
    model = self_attention(ksa.layers.HybridAttention(HEADS, SIZE, projection="adder", **ONES))
    row = row_of(model)
    assert row.operations == Operations(
        multiply=PRODUCTS + SCALE + BIASES, add=2 * PROJECTIONS + PRODUCTS + BIASES
    )
    assert row.parameters == model.count_params()


def test_projections_may_differ():
    kinds = {"query": "shift", "key": "adder", "value": "dense", "output": "shift"}
    layer = ksa.layers.HybridAttention(HEADS, SIZE, projection=kinds, weight_bits=4, **ONES)
    row = row_of(self_attention(layer))
    one = PROJECTIONS // 4
    assert row.operator == "shift+adder+conv"
    assert row.operations.shift == 2 * one
    assert row.weight_bits(8) == (4, 8)


def test_softmax_is_named_as_not_counted():
    counts = count_operations(self_attention(layers.MultiHeadAttention(HEADS, SIZE, **ONES)))
    assert counts.rows[0].counted
    (entry,) = counts.not_counted
    assert entry.reason == f"softmax of {HEADS * TOKENS * TOKENS} scores"


def test_attention_to_another_sequence_takes_its_length():
    query, value = keras.Input((5, 6)), keras.Input((7, 3))
    layer = ksa.layers.HybridAttention(2, 4, value_dim=3, use_bias=False, **ONES)
    row = row_of(keras.Model([query, value], layer(query, value)))
    steps = 5 * 6 * 8 + 7 * 3 * 8 + 7 * 3 * 6 + 2 * 5 * 7 * (4 + 3) + 5 * 6 * 6
    assert row.operations == Operations(multiply=steps + 5 * 8, add=steps)


@pytest.mark.parametrize("kind", [layers.MultiHeadAttention, ksa.layers.HybridAttention])
def test_inputs_by_name_and_masks_are_told_apart(kind):
    query, value, key = keras.Input((5, 6)), keras.Input((7, 3)), keras.Input((7, 2))
    mask = keras.Input((5, 7), dtype="bool")
    inputs = [query, value, key, mask]
    first, second = kind(2, 4, **ONES), kind(2, 4, **ONES)
    plain = keras.Model(inputs, first(query, value, key, attention_mask=mask))
    named = keras.Model(inputs, second(attention_mask=mask, key=key, value=value, query=query))
    assert row_of(named).operations == row_of(plain).operations
    assert row_of(plain).parameters == plain.count_params()


def test_attention_along_one_axis_compares_positions_of_that_axis():
    inputs = keras.Input((3, 5, 8))
    layer = layers.MultiHeadAttention(1, 4, attention_axes=(2,), use_bias=False, **ONES)
    row = row_of(keras.Model(inputs, layer(inputs, inputs)))
    steps = 4 * 15 * 8 * 4 + 2 * 15 * 5 * 4
    assert row.operations == Operations(multiply=steps + 15 * 4, add=steps)


def test_scores_of_all_heads_are_in_memory_at_a_time():
    inputs = keras.Input((16, 2))
    row = row_of(keras.Model(inputs, layers.MultiHeadAttention(3, 1, **ONES)(inputs, inputs)))
    assert row.live == 3 * 16 * 3 + 3 * 16 * 16


def test_gated_attention_is_named_as_not_counted():
    inputs = keras.Input((4, 8))
    layer = layers.MultiHeadAttention(2, 4, use_gate=True, **ONES)
    counts = count_operations(keras.Model(inputs, layer(inputs, inputs)))
    assert not counts.rows[0].counted
    assert "use_gate" in counts.not_counted[0].reason


def test_distances_are_adder_steps():
    row = row_of(self_attention(ksa.layers.HybridAttention(HEADS, SIZE, similarity="laplacian")))
    scores = HEADS * TOKENS * TOKENS
    assert row.operator == "conv+adder"
    assert row.operations == Operations(
        multiply=PROJECTIONS + scores * SIZE + scores,
        add=PROJECTIONS + 3 * scores * SIZE + BIASES,
    )
    ordinary = row_of(self_attention(layers.MultiHeadAttention(HEADS, SIZE, **ONES)))
    twin = row.multiplicative_twin().operations
    assert twin.multiply == ordinary.operations.multiply - SCALE + scores


@pytest.mark.parametrize("hashing", ["vanilla", "kernel"])
def test_codes_are_summed_without_products(hashing):
    layer = ksa.layers.HybridAttention(
        HEADS, SIZE, similarity="binary_linear", hashing=hashing, hash_bits=3, num_anchors=5
    )
    model = self_attention(layer)
    row = row_of(model)
    assert row.parameters == model.count_params()
    bits = 3 if hashing == "kernel" else SIZE
    hashed = HEADS * TOKENS * 5 * (SIZE + bits) if hashing == "kernel" else 0
    multiply = PROJECTIONS // 4 * 3 + hashed + 9 * TOKENS * UNITS  # the convolution of values
    context = TOKENS * UNITS
    assert row.operations.multiply == multiply + 5 * context
    sums = 2 * TOKENS * HEADS * bits * SIZE
    biases = TOKENS * (2 * UNITS + CHANNELS)
    assert row.operations.add == multiply + sums + biases + 4 * context
    assert row.operations.shift == context


def test_codes_of_a_key_are_counted_too():
    inputs = keras.Input((TOKENS, CHANNELS))
    arguments = {"similarity": "binary_linear", "use_bias": False}
    one, two = (ksa.layers.HybridAttention(HEADS, SIZE, **arguments) for _ in range(2))
    alone = row_of(keras.Model(inputs, one(inputs, inputs)))
    both = row_of(keras.Model(inputs, two(inputs, inputs, inputs)))
    more = both.operations.multiply - alone.operations.multiply
    assert more == PROJECTIONS // 4 + 2 * TOKENS * UNITS
    assert both.parameters == alone.parameters


def test_binary_linear_attention_grows_linearly():
    def operations(tokens):
        inputs = keras.Input((tokens, CHANNELS))
        layer = ksa.layers.HybridAttention(HEADS, SIZE, similarity="binary_linear")
        return row_of(keras.Model(inputs, layer(inputs, inputs))).operations

    assert operations(60) == 10 * operations(6)


@pytest.mark.parametrize("similarity", ["dot", "binary_linear"])
def test_a_gate_is_one_more_projection_and_a_product(similarity):
    def total(use_gate):
        inputs = keras.Input((6, 8))
        layer = ksa.layers.HybridAttention(2, 4, similarity=similarity, use_gate=use_gate)
        counts = count_operations(keras.Model(inputs, layer(inputs, inputs)))
        operations = sum((row.operations for row in counts.rows), Operations())
        return operations, sum(row.parameters for row in counts.rows), layer.count_params()

    (plain, fewer, _), (gated, more, own) = total(False), total(True)
    assert gated.multiply - plain.multiply == 6 * 8 * 8 + 6 * 8
    assert gated.add - plain.add == 6 * 8 * 8 + 6 * 8
    assert more == own
    assert more - fewer == 8 * 8 + 8
