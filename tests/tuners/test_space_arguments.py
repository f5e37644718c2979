"""Presets, arguments and configuration of HybridSpace."""

import json
import random

import keras
import numpy as np
import pytest
from small_spaces import small_space

from keras_shiftadd.tuners import HybridSpace

PRESETS = {
    "tiny": {"input_shape": (32, 32, 3), "stages": 3, "resolution": (4, 4)},
    "mobile": {"input_shape": (96, 96, 3), "stages": 4, "resolution": (3, 3)},
    "bossnas": {"input_shape": (64, 64, 3), "stages": 4, "resolution": (2, 2)},
}


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_makes_a_space_whose_samples_are_valid(preset):
    wanted = PRESETS[preset]
    space = HybridSpace(wanted["input_shape"], 10, preset=preset)
    assert len(space.strides) == wanted["stages"]
    assert space.resolutions[-1] == wanted["resolution"]
    rng = random.Random(0)
    for _ in range(50):
        space.validate(space.sample(rng))


def test_bossnas_has_sixteen_blocks_and_convolution_shift_adder_and_attention():
    space = HybridSpace((64, 64, 3), 10, ("conv", "shift", "adder", "attention"), "bossnas")
    plans = space.plan(space.sample(random.Random(1)))
    assert len(plans) == 16
    assert [p.stride for p in plans if p.stride > 1] == [2, 2, 2]


def test_a_time_series_is_strided_along_its_steps_only():
    space = HybridSpace((100, 6), 5)
    assert space.resolutions == ((50, 1), (25, 1), (13, 1), (7, 1))


def test_an_argument_replaces_a_value_of_the_preset_and_none_keeps_it():
    space = HybridSpace(
        (32, 32, 3), 10, stem_width=6, stem_stride=1, expansions=(1, 6), widths=None
    )
    assert (space.stem_width, space.stem_stride, space.expansions) == (6, 1, (1, 6))
    assert space.widths == HybridSpace((32, 32, 3), 10).widths


def test_operators_stand_in_one_order_whatever_the_order_given():
    assert HybridSpace((32, 32, 3), 10, ("adder", "conv")).operators == ("conv", "adder")


ERRORS = {
    "input of rank 1": ({"input_shape": (32,)}, "`input_shape` must be"),
    "unknown height": ({"input_shape": (None, 32, 3)}, "`input_shape` must be"),
    "no classes": ({"num_classes": 0}, "`num_classes` must be a positive integer"),
    "classes are a boolean": ({"num_classes": True}, "`num_classes` must be a positive integer"),
    "unknown operator": ({"operators": ("conv", "xor")}, "`operators` must be one or several"),
    "operator twice": ({"operators": ("conv", "conv")}, "`operators` must be one or several"),
    "operators are a word": ({"operators": "conv"}, "`operators` must be one or several"),
    "no operators": ({"operators": ()}, "`operators` must be one or several"),
    "only attention": ({"operators": ("attention",)}, "must hold more than attention"),
    "unknown preset": ({"preset": "huge"}, "`preset` must be one of .*Received: 'huge'"),
    "unknown block": ({"block": "dense"}, "`block` must be one of"),
    "unknown projection": ({"attention_projection": "adder"}, "`attention_projection` must be"),
    "stem width": ({"stem_width": 0}, "`stem_width` must be a positive integer"),
    "stem stride": ({"stem_stride": 3}, "`stem_stride` must be 1, 2 or 4. Received: 3"),
    "too few widths": ({"widths": ((8,),)}, "`widths` must hold a tuple .* 3 stages"),
    "widths fall": ({"widths": ((16, 8),) * 3}, "`widths` must hold integers .*ascending"),
    "depth of zero": ({"depths": ((0, 1),) * 3}, "`depths` must hold integers"),
    "stride of three": ({"strides": (3, 1, 1)}, r"`strides` must hold integers \(out of \(1, 2"),
    "no strides": ({"strides": ()}, "`strides` must hold integers"),
    "even window": ({"kernel_sizes": (2, 3)}, "`kernel_sizes` must be odd integers from 3"),
    "window of one": ({"kernel_sizes": (1, 3)}, "`kernel_sizes` must be odd integers from 3"),
    "no expansion": ({"expansions": ()}, "`expansions` must hold integers"),
    "attention stages": ({"attention_stages": 4}, "`attention_stages` must be an integer from 0"),
    "heads": ({"num_heads": 0}, "`num_heads` must be a positive integer"),
    "channels of a head": ({"key_dim": 1.5}, "`key_dim` must be a positive integer"),
    "widths that a bottleneck cannot divide": (
        {"block": "bottleneck", "expansions": (3,)},
        "Each of `widths` must be divisible",
    ),
    "more blocks than depths allow": ({"total_depth": 9}, "`total_depth` must be .* 3 to 8"),
    "depths with gaps": (
        {"total_depth": 4, "depths": ((1, 3), (1, 2), (1, 2))},
        "With `total_depth`, `depths` must be consecutive",
    ),
    "nothing left to pool": (
        {"input_shape": (8, 8, 3)},
        "strides must leave at least two positions .* which leave 1x1",
    ),
}


@pytest.mark.parametrize("name", ERRORS)
def test_a_bad_argument_is_refused(name):
    arguments, message = ERRORS[name]
    with pytest.raises(ValueError, match=message):
        HybridSpace(**{"input_shape": (32, 32, 3), "num_classes": 10, **arguments})


@pytest.mark.parametrize("bits", [1, 9, 2.5])
def test_bits_that_shift_weights_cannot_have_are_refused_at_once(bits):
    with pytest.raises(ValueError, match="`weight_bits` must be"):
        HybridSpace((32, 32, 3), 10, weight_bits=bits)


def same_space(first, second):
    return (first.genes, first.options, first.resolutions, first.num_classes) == (
        second.genes,
        second.options,
        second.resolutions,
        second.num_classes,
    )


def test_the_configuration_survives_json():
    space = small_space(attention_projection="shift", weight_bits=4, total_depth=3)
    config = json.loads(json.dumps(space.get_config()))
    restored = HybridSpace.from_config(config)
    assert same_space(restored, space)
    assert restored.total_depth == 3


def test_a_space_survives_the_serialization_of_keras():
    space = small_space((20, 2), stem_width=6)
    config = json.loads(json.dumps(keras.saving.serialize_keras_object(space)))
    assert same_space(keras.saving.deserialize_keras_object(config), space)


def test_numbers_of_numpy_are_kept_as_those_of_python():
    config = small_space().get_config()
    given = {
        "num_classes": np.int64(5),
        "stem_width": np.int32(6),
        "gradient_scale": np.float32(0.5),
    }
    ordinary = {"num_classes": 5, "stem_width": 6, "gradient_scale": 0.5}
    widths = ((np.int64(4), 8), (8, 12))
    space = HybridSpace(**{**config, **given, "widths": widths})
    assert json.dumps(space.get_config()) == json.dumps({**config, **ordinary})
