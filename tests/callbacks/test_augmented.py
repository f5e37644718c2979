"""The wide networks around a tiny one, against networks built by hand."""

import keras
import numpy as np
import pytest
from augmented_networks import LOSS, gradients, run, spread_extras, tiny, values

import keras_shiftadd as ksa

WIDTH = 2.0


@pytest.fixture
def data(rng):
    """Samples of three classes."""
    return rng.normal(size=(16, 6, 6, 2)).astype("float32"), rng.integers(0, 3, 16)


def extras(augmented) -> dict[str, np.ndarray]:
    """Values of the extra weights, by name."""
    return {v.name: values([v])[0] for v in augmented.extra_variables}


def kernel_of(layer, extra) -> np.ndarray:
    """The wide kernel: the tiny one in the corner of the extra one."""
    own = values([layer.kernel])[0]
    kernel = extra[f"{layer.name}_extra_kernel"].copy()
    kernel[..., : own.shape[-2], : own.shape[-1]] = own
    return kernel


def corner(own, extra) -> np.ndarray:
    """A wide vector: the tiny one, then the rest of the extra one."""
    wide = extra.copy()
    wide[: len(own)] = own
    return wide


def set_weights_by_hand(wide, augmented) -> None:
    """Puts the weights of the tiny network and the extra ones into the wide one."""
    extra = extras(augmented)
    for layer in augmented.model.layers:
        target = wide.get_layer(layer.name) if layer.weights else None
        if isinstance(layer, keras.layers.BatchNormalization):
            for name in ("gamma", "beta"):
                own = values([getattr(layer, name)])[0]
                getattr(target, name).assign(corner(own, extra[f"{layer.name}_extra_{name}"]))
        elif target is not None:
            target.kernel.assign(kernel_of(layer, extra))
            if getattr(layer, "bias", None) is not None:
                own = values([layer.bias])[0]
                more = extra.get(f"{layer.name}_extra_bias", own)
                target.bias.assign(corner(own, more))


CASES = [
    # What the tiny network is made of, how it is augmented, what the wide one is made of.
    ("conv", {"operator": "conv"}, "conv"),
    ("shift", {"operator": "conv"}, "conv"),
    ("shift", {"operator": "own"}, "shift"),
    ("adder", {"operator": "conv", "weight_sharing": "none"}, "conv"),
    ("adder", {"operator": "own"}, "adder"),
]


@pytest.mark.parametrize(("operator", "arguments", "made_of"), CASES)
def test_the_wide_network_is_the_one_built_by_hand(operator, arguments, made_of, data, rng):
    augmented = ksa.callbacks.Augmented(tiny(operator), widths=(WIDTH,), **arguments)
    spread_extras(augmented, rng)
    wide = tiny(made_of, factor=2)
    set_weights_by_hand(wide, augmented)
    expected = run(lambda x: wide(x, training=True), data[0])
    found = run(augmented, data[0])
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(("operator", "arguments", "made_of"), CASES)
def test_its_gradients_are_those_of_the_one_built_by_hand(operator, arguments, made_of, data, rng):
    model = tiny(operator)
    for layer in model.layers:
        # Each network would bring the gradient of its own kernel to a norm.
        layer.gradient_scale = None
    augmented = ksa.callbacks.Augmented(model, widths=(WIDTH,), **arguments)
    spread_extras(augmented, rng)
    wide = tiny(made_of, factor=2)
    for layer in wide.layers:
        layer.gradient_scale = None
    set_weights_by_hand(wide, augmented)
    x, y = data
    by_hand = gradients(lambda: LOSS(y, wide(x, training=True)), wide.trainable_variables)
    by_hand = dict(zip([v.path for v in wide.trainable_variables], by_hand, strict=True))
    found = gradients(lambda: LOSS(y, augmented(x)), augmented.trainable_variables)
    own = len(augmented.model.trainable_variables)
    assert len(found) > own
    for variable, gradient in zip(augmented.model.trainable_variables, found[:own], strict=True):
        expected = by_hand[variable.path][tuple(slice(size) for size in gradient.shape)]
        np.testing.assert_allclose(gradient, expected, rtol=5e-3, atol=1e-5)
    for variable, gradient in zip(augmented.extra_variables, found[own:], strict=True):
        layer, part = variable.name.split("_extra_")
        expected = by_hand[f"{layer}/{part}"].copy()
        if expected.shape != gradient.shape:
            continue
        tiny_shape = getattr(augmented.model.get_layer(layer), part).shape
        expected[tuple(slice(size) for size in tiny_shape)] = 0
        np.testing.assert_allclose(gradient, expected, rtol=5e-3, atol=1e-5)


def test_mixed_keeps_the_operation_on_the_own_channels(data, rng):
    inputs = keras.Input((6, 6, 2))
    x = keras.layers.Conv2D(3, 1, name="stem")(inputs)
    x = ksa.layers.AdderConv2D(4, 3, use_bias=False, name="adder")(x)
    outputs = keras.layers.Dense(2, name="classes")(keras.layers.GlobalAveragePooling2D()(x))
    model = keras.Model(inputs, outputs)
    augmented = ksa.callbacks.Augmented(model, widths=(WIDTH,), operator="mixed")
    extra = extras(augmented)
    stem, adder, classes = (model.get_layer(n) for n in ("stem", "adder", "classes"))
    bias = corner(values([stem.bias])[0], extra["stem_extra_bias"])
    wide = keras.ops.conv(data[0], kernel_of(stem, extra)) + bias
    own = ksa.ops.adder_conv(wide[..., :3], adder.kernel)
    around = extra["adder_extra_kernel"].copy()
    around[:, :, :3, :4] = 0
    around = keras.ops.conv(wide, around)
    both = keras.ops.concatenate([own + around[..., :4], around[..., 4:]], axis=-1)
    expected = keras.ops.matmul(keras.ops.mean(both, (1, 2)), kernel_of(classes, extra))
    found, expected = values([augmented(data[0]), expected])
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("weight_sharing", ["transport", "gain", "binned"])
def test_adder_kernels_become_convolutions_of_the_usual_size(weight_sharing):
    model = tiny("adder")
    augmented = ksa.callbacks.Augmented(
        model, widths=(WIDTH,), operator="conv", weight_sharing=weight_sharing
    )
    layers = {w.layer.name: w for w in augmented._network.wide_layers}
    kernel = values([layers["project"]._shared()])[0]
    # What a convolution of twice the channels starts with.
    assert 0.5 < kernel.std() / np.sqrt(2.0 / 12) < 2.0


def test_each_layer_has_each_width_once():
    augmented = ksa.callbacks.Augmented(tiny(), widths=(1.5, 2.0, 3.0))
    numbers = {
        group.name: sorted(of[group] for of in augmented.configurations)
        for group in augmented._network.widened
    }
    assert numbers == {"stem": [6, 8, 12], "expand": [9, 12, 18]}


def test_residual_connections_have_one_width():
    augmented = ksa.callbacks.Augmented(tiny(), widths=(1.5, 2.0))
    text = augmented.describe()
    assert "stem: 4 channels, with extra ones 6, 8" in text
    assert "project: 4 channels, with extra ones 6, 8" in text


def test_expansions_multiply_the_width_of_what_a_block_reads():
    augmented = ksa.callbacks.Augmented(tiny(), widths=(2.0,), expansions=(1.5,))
    numbers = {g.name: augmented.configurations[0][g] for g in augmented._network.widened}
    assert numbers == {"stem": 8, "expand": 18}


def test_widths_can_be_given_by_the_names_of_layers(data):
    named = ({"expand": 1.5, "stem": 2.0}, {"project": 3.0})
    augmented = ksa.callbacks.Augmented(tiny(), widths=named)
    first, second = augmented.configurations
    numbers = {g.name: (first[g], second[g]) for g in augmented._network.widened}
    assert numbers == {"stem": (8, 12), "expand": (9, 6)}
    for configuration in augmented.configurations:
        predicted = run(lambda x, of=configuration: augmented(x, of), data[0])
        assert predicted.shape == (16, 3)


def test_layers_that_widths_do_not_name_keep_their_channels():
    augmented = ksa.callbacks.Augmented(tiny(), widths={"expand": 1.5}, operator="conv")
    assert "stem: 4 channels, kept: `widths` does not name it" in augmented.describe()
    assert {v.name.split("_extra")[0] for v in augmented.extra_variables} == {
        *("expand", "expand_norm", "depthwise", "depthwise_norm", "project"),
        *("expand_gain", "expand_offset", "depthwise_gain", "depthwise_offset"),
        *("project_gain", "project_offset"),
    }


def test_each_wide_network_comes_once_a_round():
    augmented = ksa.callbacks.Augmented(tiny(), widths=(1.5, 2.0, 3.0), seed=1)
    for _ in range(3):
        drawn = {augmented.next_configuration() for _ in range(3)}
        assert drawn == set(augmented.configurations)


def test_moving_averages_are_left_alone(data):
    model = tiny()
    before = values(model.non_trainable_variables)
    run(ksa.callbacks.Augmented(model), data[0])
    for old, new in zip(before, values(model.non_trainable_variables), strict=True):
        np.testing.assert_array_equal(old, new)


def test_excluded_layers_keep_their_channels():
    augmented = ksa.callbacks.Augmented(tiny(), exclude=("expand",))
    assert "expand: 6 channels, kept: 'expand' is excluded" in augmented.describe()


def test_layers_that_mix_channels_stop_the_widening():
    inputs = keras.Input((6, 6, 2))
    x = keras.layers.Conv2D(4, 3, name="first")(inputs)
    x = keras.layers.Conv2D(5, 3, name="second")(x)
    x = keras.layers.Flatten(name="flat")(x)
    model = keras.Model(inputs, keras.layers.Dense(3, name="classes")(x))
    text = ksa.callbacks.Augmented(model, widths=(2.0,)).describe()
    assert "first: 4 channels, with extra ones 8" in text
    assert "second: 5 channels, kept: 'flat' (Flatten) cannot be widened" in text
    assert "classes: 3 channels, kept: they are an output" in text


def test_a_layer_after_one_that_cannot_be_widened_is_right(data):
    inputs = keras.Input((6, 6, 2))
    x = keras.layers.Conv2D(4, 3, name="first")(inputs)
    x = keras.layers.LayerNormalization()(keras.layers.Conv2D(5, 3, name="second")(x))
    outputs = keras.layers.Dense(3)(keras.layers.Flatten()(x))
    augmented = ksa.callbacks.Augmented(keras.Model(inputs, outputs), widths=(2.0,))
    assert run(augmented, data[0]).shape == (16, 3)


def concatenated(shape) -> keras.Model:
    """Concatenation, squeeze-and-excitation, functions outside layers, a nested model."""
    inputs = keras.Input(shape)
    a = keras.layers.Conv2D(4, 3, padding="same", activation="relu")(inputs)
    b = keras.layers.Conv2D(6, 3, padding="same")(a)
    x = keras.layers.Concatenate()([a, keras.ops.relu(b)])
    s = keras.layers.Reshape((1, 1, 10))(keras.layers.GlobalAveragePooling2D()(x))
    s = keras.layers.Conv2D(10, 1, activation="sigmoid")(s)
    s = keras.Sequential([keras.layers.Identity()])(s)
    outer = keras.layers.BatchNormalization()(x)
    x = keras.layers.Concatenate()([keras.layers.Conv2D(10, 1)(outer) * s, a + a])
    return keras.Model(inputs, keras.layers.Dense(3)(keras.layers.GlobalMaxPooling2D()(x)))


def test_concatenation_and_excitation_are_widened(data):
    augmented = ksa.callbacks.Augmented(concatenated((6, 6, 2)), widths=(1.5, 2.0))
    assert "kept" not in augmented.describe().replace("kept: they are an output", "")
    assert run(augmented, data[0]).shape == (16, 3)


def test_shift_adder_layers_are_widened_in_both_parts(data):
    inputs = keras.Input((6, 6, 2))
    x = keras.layers.BatchNormalization()(ksa.layers.ShiftAdderConv2D(4, 3)(inputs))
    outputs = keras.layers.Dense(3)(keras.layers.GlobalAveragePooling2D()(x))
    augmented = ksa.callbacks.Augmented(keras.Model(inputs, outputs), widths=(2.0,))
    assert augmented.describe().count("4 channels, with extra ones 8") == 2
    assert run(augmented, data[0]).shape == (16, 3)


def test_time_series_are_widened(rng):
    model = keras.Sequential(
        [
            keras.Input((20, 3)),
            ksa.layers.AdderConv1D(4, 3, padding="causal"),
            keras.layers.BatchNormalization(),
            keras.layers.ReLU(),
            ksa.layers.ShiftConv1D(6, 3, padding="causal"),
            keras.layers.GlobalAveragePooling1D(),
            ksa.layers.AdderDense(5),
            keras.layers.Dense(2),
        ]
    )
    augmented = ksa.callbacks.Augmented(model, widths=(2.0,))
    assert run(augmented, rng.normal(size=(4, 20, 3)).astype("float32")).shape == (4, 2)


def test_several_outputs_keep_their_structure(rng):
    inputs = keras.Input((4,))
    x = keras.layers.Dense(6, activation="relu")(inputs)
    outputs = {"a": keras.layers.Dense(2)(x), "b": keras.layers.Dense(3)(x)}
    augmented = ksa.callbacks.Augmented(keras.Model(inputs, outputs), widths=(2.0,))
    found = augmented(rng.normal(size=(5, 4)).astype("float32"))
    assert {name: tuple(tensor.shape) for name, tensor in found.items()} == {
        "a": (5, 2),
        "b": (5, 3),
    }


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"widths": ()}, "`widths` must be a tuple of numbers above 1"),
        ({"widths": (1.0,)}, "`widths` must be a tuple of numbers above 1"),
        ({"widths": (float("nan"),)}, "`widths` must be a tuple of numbers above 1"),
        ({"widths": {"stem": 0.5}}, "`widths` by name must be a dictionary .* numbers from 1"),
        ({"widths": ({"stem": 2.0}, 2.0)}, "`widths` by name must be a dictionary"),
        ({"widths": {}}, "`widths` by name must be a dictionary"),
        ({"widths": {"stem": 2.0}, "expansions": (2.0,)}, "`expansions` must be None"),
        ({"widths": {"other": 2.0}}, "must name layers that make channels.*'other'; those of"),
        ({"widths": {"classes": 2.0}}, "'classes', where they cannot: they are an output"),
        ({"widths": {"stem": 2.0, "project": 3.0}}, "same factor .* 2.0 for 'stem', 3.0 for 'proj"),
        ({"expansions": (0.5,)}, "`expansions` must be a tuple of numbers from 1"),
        ({"operator": "add"}, "`operator` must be one of"),
        ({"weight_sharing": "all"}, "`weight_sharing` must be one of"),
        ({"loss_weight": -1}, "`loss_weight` must be a number from 0"),
        ({"exclude": ("nothing",)}, "`exclude` must hold names of layers"),
        ({"seed": 1.5}, "`seed` must be an integer"),
    ],
)
def test_wrong_arguments_are_named(arguments, words):
    with pytest.raises(ValueError, match=words):
        ksa.callbacks.Augmented(tiny(), **arguments)


def test_a_model_without_channels_to_widen_is_refused():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    with pytest.raises(ValueError, match="must have channels that can be widened"):
        ksa.callbacks.Augmented(model)


def test_subclassed_and_unbuilt_models_are_refused():
    class Own(keras.Model):
        def call(self, x):
            return x

    with pytest.raises(ValueError, match="must be a Functional or Sequential model"):
        ksa.callbacks.Augmented(Own())
    with pytest.raises(ValueError, match="must be built"):
        ksa.callbacks.Augmented(keras.Sequential([keras.layers.Dense(3)]))
