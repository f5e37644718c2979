"""Sorted channels: what stays as it is, and what goes with them."""

import keras
import numpy as np
import pytest
from augmented_networks import LOSS, compiled, gradients, run, spread_extras, tiny, values

import keras_shiftadd as ksa

WIDTH = 2.0


@pytest.fixture
def data(rng):
    """Samples of three classes."""
    return rng.normal(size=(16, 6, 6, 2)).astype("float32"), rng.integers(0, 3, 16)


@pytest.mark.parametrize(
    ("operator", "arguments", "tolerance"),
    [
        ("conv", {"operator": "conv"}, 1e-4),
        ("shift", {"operator": "conv"}, 1e-4),
        ("shift", {"operator": "own"}, 1e-4),
        ("adder", {"operator": "own"}, 1e-3),
        ("adder", {"operator": "conv", "weight_sharing": "none"}, 1e-3),
    ],
)
def test_sorted_channels_leave_the_widest_network_as_it_is(
    operator, arguments, tolerance, data, rng
):
    augmented = ksa.callbacks.Augmented(tiny(operator), widths=(WIDTH,), **arguments)
    spread_extras(augmented, rng)
    before = run(augmented, data[0])
    own = values(augmented.model.trainable_variables)
    assert sorted(augmented.sort_channels()) == ["expand", "stem"]
    np.testing.assert_allclose(run(augmented, data[0]), before, rtol=tolerance, atol=tolerance)
    moved = zip(own, values(augmented.model.trainable_variables), strict=True)
    assert sum(np.abs(a - b).max() > 0.01 for a, b in moved) > 5


def test_the_most_important_channels_become_those_of_the_model():
    model = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(2, name="a"), keras.layers.Dense(2, name="b")]
    )
    augmented = ksa.callbacks.Augmented(model, widths=(2.0,))
    extra = {v.name: v for v in augmented.extra_variables}
    model.get_layer("b").kernel.assign([[0.1, 0.1], [3.0, -3.0]])
    extra["b_extra_kernel"].assign([[9, 9], [9, 9], [2.0, 2.0], [0.5, 0.5]])
    rows = np.arange(12.0).reshape(3, 4)
    model.get_layer("a").kernel.assign(rows[:, :2])
    extra["a_extra_kernel"].assign(rows)
    assert augmented.sort_channels() == ["a"]
    first, second = (values([model.get_layer(name).kernel])[0] for name in "ab")
    np.testing.assert_array_equal(first, rows[:, [1, 2]])
    np.testing.assert_array_equal(second, [[3.0, -3.0], [2.0, 2.0]])
    np.testing.assert_array_equal(values([extra["a_extra_kernel"]])[0], rows[:, [1, 2, 3, 0]])


@pytest.mark.parametrize("weight_sharing", ["transport", "gain"])
def test_mapped_kernels_are_mapped_back(weight_sharing, rng):
    model = tiny("adder")
    augmented = ksa.callbacks.Augmented(
        model, widths=(WIDTH,), operator="conv", weight_sharing=weight_sharing
    )
    kernel = model.get_layer("project").kernel
    kernel.assign(rng.laplace(0.5, 2.0, kernel.shape))
    layers = {w.layer.name: w for w in augmented._network.wide_layers}
    shared = layers["project"]._shared
    np.testing.assert_allclose(
        values([shared.inverse(shared())])[0], values([kernel])[0], rtol=1e-3, atol=1e-3
    )


def test_channels_that_cannot_be_exchanged_stay():
    augmented = ksa.callbacks.Augmented(tiny("adder"), widths=(WIDTH,), operator="mixed")
    assert augmented.sort_channels() == []


@pytest.mark.parametrize("operator", ["conv", "shift", "adder"])
def test_where_the_model_has_the_best_channels_it_computes_what_it_did(operator, data, rng):
    model = tiny(operator)
    augmented = ksa.callbacks.Augmented(
        model, widths=(WIDTH,), operator="conv", weight_sharing="gain"
    )
    for variable in augmented.extra_variables:
        if "extra" in variable.name:
            variable.assign(1e-3 * values([variable])[0])
    for variable in model.weights:
        if "moving" in variable.name:
            variable.assign(rng.uniform(1.0, 2.0, variable.shape))
    kernels = [model.get_layer(name).kernel for name in ("expand", "depthwise", "project")]
    own, before = values(kernels), run(model, data[0])
    assert sorted(augmented.sort_channels()) == ["expand", "stem"]
    moved = [np.abs(a - b).max() for a, b in zip(own, values(kernels), strict=True)]
    assert max(moved) > 0.01
    np.testing.assert_allclose(run(model, data[0]), before, rtol=1e-3, atol=1e-3)


def two_steps(operator, data, sort):
    """What the wide network computes after two steps with momentum, sorted in between."""
    keras.utils.set_random_seed(5)
    model = tiny(operator)
    for layer in model.layers:
        layer.gradient_scale = None
    augmented = ksa.callbacks.Augmented(model, widths=(WIDTH,), operator="own")
    spread_extras(augmented, np.random.default_rng(1))
    optimizer = keras.optimizers.SGD(1e-3, momentum=0.9)
    optimizer.build(augmented.trainable_variables)
    x, y = data
    for step in range(2):
        found = gradients(lambda: LOSS(y, augmented(x)), augmented.trainable_variables)
        found = [keras.ops.convert_to_tensor(gradient) for gradient in found]
        optimizer.apply(found, augmented.trainable_variables)
        if step == 0 and sort is not None:
            augmented.sort_channels(**sort(optimizer))
    return run(augmented, x)


# JAX compiles each operation of the steps.
@pytest.mark.parametrize(
    "operator", ["shift"] if keras.backend.backend() == "jax" else ["shift", "adder"]
)
def test_momentum_goes_with_the_channels(operator, data):
    wanted = two_steps(operator, data, None)
    found = two_steps(operator, data, lambda optimizer: {"optimizer": optimizer})
    alone = two_steps(operator, data, lambda optimizer: {})
    np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-3)
    assert np.abs(alone - wanted).max() > 10 * np.abs(found - wanted).max()


def test_momentum_begins_anew_where_a_weight_becomes_another_kind():
    model = keras.Sequential(
        [
            keras.Input((2,)),
            ksa.layers.AdderDense(2, name="a"),
            keras.layers.Dense(2, name="b"),
        ],
        name="model",
    )
    augmented = ksa.callbacks.Augmented(
        model, widths=(2.0,), operator="conv", weight_sharing="gain"
    )
    extra = {v.name: v for v in augmented.extra_variables}
    model.get_layer("b").kernel.assign([[0.1, 0.1], [3.0, -3.0]])
    extra["b_extra_kernel"].assign([[9, 9], [9, 9], [2.0, 2.0], [0.5, 0.5]])
    optimizer = keras.optimizers.SGD(0.1, momentum=0.9)
    optimizer.build(augmented.trainable_variables)
    slots = {v.name: v for v in optimizer.variables}
    slots["model_a_kernel_momentum"].assign([[1.0, 2.0], [5.0, 6.0]])
    slots["a_extra_kernel_momentum"].assign([[0, 0, 3.0, 4.0], [0, 0, 7.0, 8.0]])
    assert augmented.sort_channels(optimizer) == ["a"]
    own, more = values([slots["model_a_kernel_momentum"], slots["a_extra_kernel_momentum"]])
    # The order is 1, 2, 3, 0: channel 2 becomes one of the adder layer, channel 0 leaves it.
    np.testing.assert_array_equal(own, [[2.0, 0.0], [6.0, 0.0]])
    np.testing.assert_array_equal(more[:, 2:], [[4.0, 0.0], [8.0, 0.0]])


@pytest.mark.parametrize("optimizer", ["adam", "rmsprop", "lion"])
def test_slots_of_other_optimizers_go_with_the_channels(optimizer, rng):
    model = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(2, name="a"), keras.layers.Dense(2, name="b")],
        name="model",
    )
    augmented = ksa.callbacks.Augmented(model, widths=(2.0,))
    optimizer = keras.optimizers.get(optimizer)
    optimizer.build(augmented.trainable_variables)
    weights = {v.name: v for v in (*augmented.extra_variables, *optimizer.variables)}
    weights = {name.removeprefix("model_"): v for name, v in weights.items()}
    weights["a_kernel"] = model.get_layer("a").kernel
    kinds = {name[len("a_kernel_") :] for name in weights if name.startswith("a_kernel_")}
    assert kinds
    for kind in kinds:  # a slot that says which weight it belongs to
        weights[f"a_kernel_{kind}"].assign(7.0 * values([weights["a_kernel"]])[0])
        weights[f"a_extra_kernel_{kind}"].assign(7.0 * values([weights["a_extra_kernel"]])[0])
    augmented.sort_channels(optimizer)
    for kind in kinds:
        for name in ("a_kernel", "a_extra_kernel"):
            slot, kernel = values([weights[f"{name}_{kind}"], weights[name]])
            np.testing.assert_allclose(slot, 7.0 * kernel, rtol=1e-6)


def test_in_fit_slots_go_with_the_channels(data):
    pairs = []

    class Told(ksa.callbacks.HybridAugmentation):
        def on_epoch_begin(self, epoch, logs=None):
            before = self._columns() if epoch else None
            super().on_epoch_begin(epoch, logs)
            if epoch:
                pairs.append((before, self._columns()))

        def _columns(self):
            """The columns of the wide kernel, each with that of a slot."""
            self._synchronise()
            variables = [*self.model.trainable_variables, *self.model.optimizer.variables]
            by_name = {v.name: values([v])[0] for v in variables}
            by_name["features_kernel"] = values([self.model.get_layer("features").kernel])[0]
            wide = []
            for suffix in ("", "_velocity"):
                columns = by_name[f"features_extra_kernel{suffix}"].copy()
                columns[..., :4] = by_name[f"features_kernel{suffix}"]
                wide.append(columns.reshape(-1, 8).T)
            return {tuple(kernel): tuple(slot) for kernel, slot in zip(*wide, strict=True)}

    callback = Told(widths=(2.0,), sort_channels_until=1.0, calibration_data=data[0])
    model = compiled("conv", optimizer=keras.optimizers.Adam(1e-3))
    model.fit(*data, epochs=2, batch_size=8, verbose=0, callbacks=[callback])
    ((before, after),) = pairs
    assert len(before) == 8
    assert after == before
    assert list(after) != list(before)
