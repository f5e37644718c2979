"""AugmentationSupernet: its wide networks, and what a trial trains."""

import json
import random

import keras
import numpy as np
import pytest
from small_spaces import small_space
from small_supernets import difference, inputs_of

from keras_shiftadd.tuners import AugmentationSpace, AugmentationSupernet, Supernet
from keras_shiftadd.tuners._space import networks

BLOCKS = ("inverted_residual", "bottleneck")
# JAX compiles each layer of a network made by hand.
NETWORKS = 1 if keras.backend.backend() == "jax" else 3


class Quick(AugmentationSupernet):
    """Draws from fewer networks, which are made faster."""

    table_rows = 16


def space_of(block="inverted_residual", **options):
    arguments = {"widths": ((4, 8), (8,)), "expansions": (1, 2), "attention_stages": 0}
    tiny = small_space(operators=("shift",), block=block, **{**arguments, **options})
    return AugmentationSpace(tiny, (1.5, 2.5), (1.0, 1.6))


def smallest_space():
    """One block: its steps compile fast."""
    return space_of(
        input_shape=(6, 6, 2), widths=((4, 6),), depths=((1,),), strides=(2,), kernel_sizes=(3,)
    )


def spread(variables, seed=0):
    """Gives every weight a value of its own."""
    rng = np.random.default_rng(seed)
    for variable in variables:
        noise = rng.normal(size=variable.shape)
        if "gamma" in variable.name:
            variable.assign(1.0 + 0.3 * noise)
        elif "beta" in variable.name or "bias" in variable.name:
            variable.assign(0.5 * noise)
        else:
            variable.assign(0.3 * noise)


def numbers(value):
    return np.array(keras.ops.convert_to_numpy(value))


def network_by_hand(supernet, plans):
    """The wide network of plain layers, with copies of the supernet's weights."""
    space = supernet.space
    inputs = keras.Input(space.input_shape)
    x = space.build_stem(inputs, space.options)
    for plan in plans:
        x = networks.block(x, plan, space.options)
    model = keras.Model(inputs, networks.head(x, space.num_classes, space.options))
    stem = supernet.stem
    model.get_layer("stem_conv").kernel.assign(numbers(stem.kernels[0]))
    assign_norm(model.get_layer("stem_norm"), stem.gammas[0], stem.betas[0])
    blocks = {block.name: (block, wide) for block, wide in blocks_of(supernet)}
    for plan in plans:
        block, wide = blocks[plan.name]
        for name, _ in block.places:
            layer = model.get_layer(f"{plan.name}_{name}")
            own, kernel = numbers(block.kernels[name]["kernel"]), numbers(wide.extras[name])
            if own.shape[-1] == 1:  # depthwise
                kernel[:, :, : own.shape[2]] = own
            else:
                kernel[:, :, : own.shape[2], : own.shape[3]] = own
            edge = (kernel.shape[0] - layer.kernel.shape[0]) // 2
            kernel = kernel[edge : kernel.shape[0] - edge, edge : kernel.shape[1] - edge]
            layer.kernel.assign(kernel[:, :, : layer.kernel.shape[2], : layer.kernel.shape[3]])
            assign_norm(model.get_layer(f"{plan.name}_{name}_norm"), *wide.norms[name])
    width = plans[-1].width
    kernel = numbers(supernet.extra_classifier)
    own = numbers(supernet.classifier.kernel)
    kernel[: len(own)] = own
    model.get_layer("head_classifier").kernel.assign(kernel[:width])
    model.get_layer("head_classifier").bias.assign(numbers(supernet.classifier.bias))
    return model


def blocks_of(supernet):
    return zip(supernet.blocks, supernet.wide_blocks, strict=True)


def assign_norm(layer, gamma, beta):
    size = layer.gamma.shape[0]
    layer.gamma.assign(numbers(gamma)[:size])
    layer.beta.assign(numbers(beta)[:size])


@pytest.mark.parametrize("block", BLOCKS)
def test_a_wide_network_is_the_one_built_by_hand(block):
    supernet = Quick(space_of(block), seed=1)
    spread(supernet.trainable_variables)
    x = inputs_of(supernet.space).astype("float32")
    rng = random.Random(1)
    for _ in range(NETWORKS):
        architecture = supernet.space.sample(rng)
        by_hand = network_by_hand(supernet, supernet.space.wide_plan(architecture))
        wanted = numbers(by_hand(x, training=True))
        found = numbers(supernet.wide_logits(x, supernet._wide_code(architecture)))
        assert difference(found, wanted) < 1e-4


@pytest.fixture(scope="module")
def trained():
    """A supernet after a step of training, and samples for trials."""
    space = smallest_space()
    supernet = Quick(
        space,
        random_networks=0,
        fine_tuning_steps=2,
        fine_tuning_batch_size=8,
        fine_tuning_rate=0.3,
        seed=1,
    )
    supernet.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    # The widest network in each step, so that each of its weights is used.
    widest = supernet._wide_code(widened(space, 2.5, expansion=2))
    supernet._wide_table.assign(np.broadcast_to(widest, supernet._wide_table.shape))
    x, y = inputs_of(space, 16).astype("float32"), np.arange(16) % 3
    before = [numbers(v) for v in supernet.trainable_variables]
    supernet.fit(x, y, batch_size=16, verbose=0)
    return supernet, before, (x, y)


def test_a_step_trains_the_extra_weights_as_well(trained):
    supernet, before, _ = trained
    moved = {
        v.path.split("/")[-1]
        for v, value in zip(supernet.trainable_variables, before, strict=True)
        if np.abs(numbers(v) - value).max() > 0
    }
    assert {"expand_extra_kernel", "depthwise_extra_kernel", "project_extra_kernel"} <= moved
    assert {"expand_kernel", "extra_classifier"} <= moved


def widened(space, multiple, expansion=1):
    block = {"operator": "shift", "kernel_size": 3, "expansion": expansion}
    block["expansion_multiple"] = 1.6
    stage = {"width": 4 if expansion == 1 else 6, "width_multiple": multiple, "blocks": [block]}
    return space.validate({"stages": [stage]})


def weights_in_trial(supernet, architecture, samples):
    with supernet.in_trial(architecture, samples):
        return [numbers(v) for v in supernet.trainable_variables]


def test_a_trial_trains_from_the_shared_weights_and_gives_them_back(trained):
    supernet, _, samples = trained
    before = [numbers(v) for v in supernet.trainable_variables]
    inside = weights_in_trial(supernet, widened(supernet.space, 1.5), samples)
    after = [numbers(v) for v in supernet.trainable_variables]
    assert any(np.abs(a - b).max() > 0 for a, b in zip(before, inside, strict=True))
    for one, two in zip(before, after, strict=True):
        np.testing.assert_array_equal(one, two)


def test_a_trial_that_fails_gives_the_weights_back(trained):
    supernet, _, samples = trained
    before = [numbers(v) for v in supernet.trainable_variables]
    with pytest.raises(ArithmeticError), supernet.in_trial(widened(supernet.space, 1.5), samples):
        raise ArithmeticError
    for one, two in zip(before, supernet.trainable_variables, strict=True):
        np.testing.assert_array_equal(one, numbers(two))


def test_trials_depend_on_the_factors_and_on_nothing_else(trained):
    supernet, _, samples = trained
    first, other, again = (
        weights_in_trial(supernet, widened(supernet.space, multiple), samples)
        for multiple in (1.5, 2.5, 1.5)
    )
    names = [v.path.split("/")[-1] for v in supernet.trainable_variables]
    own = [i for i, name in enumerate(names) if name.endswith("_kernel") and "extra" not in name]
    assert any(np.abs(first[i] - other[i]).max() > 1e-6 for i in own)
    for one, two in zip(first, again, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-7)


def test_what_is_cut_out_of_a_trial_predicts_what_the_supernet_does(trained):
    supernet, _, samples = trained
    with supernet.in_trial(widened(supernet.space, 2.5), samples):
        supernet.calibrate(samples[0])
        model = supernet.cut_out()
        wanted = supernet.predict(samples[0], verbose=0)
    assert model.count_params() < supernet.count_params() / 3
    assert difference(model.predict(samples[0], verbose=0), wanted) < 1e-4


def test_a_trial_without_samples_is_refused(trained):
    supernet, _, _ = trained
    with (
        pytest.raises(ValueError, match="`samples` must be a tuple"),
        supernet.in_trial(widened(supernet.space, 1.5)),
    ):
        pass


def test_the_configuration_survives_json():
    supernet = Quick(smallest_space(), fine_tuning_steps=3, random_networks=1, seed=2)
    config = json.loads(json.dumps(supernet.get_config()))
    restored = AugmentationSupernet.from_config(config)
    assert json.dumps(restored.get_config()) == json.dumps(config)


ERRORS = {
    "another space": ({"space": small_space()}, "`space` must be an AugmentationSpace"),
    "steps": ({"fine_tuning_steps": 0}, "`fine_tuning_steps` must be a positive integer"),
    "batch": ({"fine_tuning_batch_size": 1.5}, "`fine_tuning_batch_size` must be a positive int"),
    "rate": ({"fine_tuning_rate": 0}, "`fine_tuning_rate` must be a number above 0"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_a_bad_argument_is_refused(name):
    arguments, message = ERRORS[name]
    with pytest.raises(ValueError, match=message):
        AugmentationSupernet(**{"space": smallest_space(), **arguments})


def test_it_is_a_supernet_of_the_tiny_networks():
    supernet = Quick(smallest_space(), seed=1)
    plain = Supernet(supernet.space.tiny, seed=1)
    shapes = {v.path.split("/", 1)[1]: v.shape for v in supernet.trainable_variables}
    for variable in plain.trainable_variables:
        assert shapes[variable.path.split("/", 1)[1]] == variable.shape
