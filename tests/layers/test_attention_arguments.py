"""HybridAttention keeps its arguments, and says which do not fit."""

import keras
import numpy as np
import pytest
from attention_layers import PLACES

import keras_shiftadd as ksa

L = ksa.layers


def test_all_arguments_survive_serialization():
    layer = L.HybridAttention(
        2,
        3,
        value_dim=4,
        dropout=0.25,
        use_bias=False,
        output_shape=(2, 3),
        kernel_initializer=keras.initializers.HeNormal(seed=3),
        bias_initializer="ones",
        kernel_regularizer=keras.regularizers.L2(1e-4),
        bias_regularizer="l1",
        activity_regularizer=keras.regularizers.L1(1e-3),
        kernel_constraint=keras.constraints.MaxNorm(2.0),
        bias_constraint="non_neg",
        use_gate=True,
        seed=7,
        projection={"query": "shift", "key": "shift", "value": "adder", "output": "dense"},
        attention_axes=(1,),
        sliding_window=3,
        similarity="laplacian",
        similarity_scale=2.0,
        hashing="kernel",
        hash_bits=8,
        num_anchors=10,
        hash_loss_weight=0.5,
        value_kernel_size=None,
        weight_bits=4,
        max_exponent=-1,
        gradient="sign",
        gradient_scale=None,
        normalization_momentum=0.9,
        name="named",
        dtype="mixed_bfloat16",
    )
    config = keras.saving.serialize_keras_object(layer)
    again = keras.saving.serialize_keras_object(keras.saving.deserialize_keras_object(config))
    assert again == config
    inner = config["config"]
    defaults = L.HybridAttention(1, 1, name="default").get_config()
    # `form` has another value only without a constraint.
    unchanged = {name for name in defaults if inner[name] == defaults[name]}
    assert unchanged <= {"trainable", "form"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_heads": 0}, "`num_heads` must be a positive integer"),
        ({"key_dim": 2.5}, "`key_dim` must be a positive integer"),
        ({"value_dim": 0}, "`value_dim` must be a positive integer"),
        ({"dropout": 1.0}, "`dropout` must be a number from 0 to below 1"),
        ({"output_shape": 0}, "`output_shape` must be"),
        ({"output_shape": ()}, "`output_shape` must be"),
        ({"projection": "conv"}, "`projection` must be one of"),
        ({"projection": {"query": "shift"}}, "must name the projection at each of"),
        ({"projection": dict.fromkeys(PLACES, "conv")}, "`projection` must be one of"),
        ({"attention_axes": (1, 1)}, "`attention_axes` must be"),
        ({"sliding_window": 0}, "`sliding_window` must be a positive integer"),
        ({"similarity_scale": 0}, "`similarity_scale` must be a positive number"),
        ({"hashing": "random"}, "`hashing` must be one of"),
        ({"hash_bits": 0}, "`hash_bits` must be"),
        ({"num_anchors": 0}, "`num_anchors` must be"),
        ({"hash_loss_weight": -1}, "`hash_loss_weight` must be"),
        ({"value_kernel_size": 0}, "`value_kernel_size` must be"),
        ({"similarity": "cosine"}, "`similarity` must be one of"),
        ({"form": "ternary"}, "`form` must be one of"),
        ({"weight_bits": 9}, "`weight_bits` must be from 2 to 8"),
        ({"gradient": "exact"}, "`gradient` must be one of"),
        ({"gradient_scale": -1}, "`gradient_scale` must be"),
        ({"normalization_momentum": 1}, "`normalization_momentum` must be"),
    ],
)
def test_a_bad_argument_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        L.HybridAttention(**{"num_heads": 2, "key_dim": 3, **arguments})


def test_inputs_of_different_ranks_are_refused():
    with pytest.raises(ValueError, match=r"as many axes each.*query_shape=\(2, 4, 4, 3\)"):
        L.HybridAttention(2, 3)(np.zeros((2, 4, 4, 3)), np.zeros((2, 4, 3)))


def test_inputs_without_tokens_are_refused():
    with pytest.raises(ValueError, match="must have 3 axes or more"):
        L.HybridAttention(2, 3)(np.zeros((2, 3)), np.zeros((2, 3)))


@pytest.mark.parametrize("axes", [0, 3, (1, -1)])
def test_an_attended_axis_lies_between_batch_and_channels(axes):
    x = np.zeros((2, 4, 5, 3))
    with pytest.raises(ValueError, match="must lie between batch and channels"):
        L.HybridAttention(2, 3, attention_axes=axes)(x, x)


def test_a_key_with_other_tokens_than_the_value_is_refused():
    with pytest.raises(ValueError, match="as many tokens each"):
        L.HybridAttention(2, 3)(np.zeros((2, 4, 3)), np.zeros((2, 4, 3)), np.zeros((2, 5, 3)))
