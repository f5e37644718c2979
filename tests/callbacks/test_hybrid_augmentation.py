"""Training of a tiny network inside wide ones, by `fit`."""

import keras
import numpy as np
import pytest
from augmented_networks import LOSS, compiled, gradients, values
from short_trainings import Within, augmentation, fit, trained

import keras_shiftadd as ksa

BACKEND = keras.backend.backend()


def test_without_weight_training_is_the_plain_one(data):
    plain = trained(data)
    other = trained(data, [augmentation(loss_weight=0.0)])
    for one, two in zip(values(plain.variables), values(other.variables), strict=True):
        np.testing.assert_array_equal(one, two)


def test_with_almost_no_weight_training_is_nearly_the_plain_one(data):
    plain = trained(data, operator="conv")
    other = trained(data, [augmentation(loss_weight=1e-12)], operator="conv")
    for one, two in zip(values(plain.variables), values(other.variables), strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-6)


def test_steps_without_a_wide_network_are_the_plain_ones(data):
    plain = trained(data)
    other = trained(data, [augmentation(schedule=0.0)])
    for one, two in zip(values(plain.variables), values(other.variables), strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("operator", "form"), [("shift", "conv"), ("adder", "conv"), ("adder", "own")]
)
def test_a_step_follows_the_sum_of_both_gradients(data, operator, form):
    x, y = data[0][:16], data[1][:16]
    rate, weight = 0.05, 0.5
    model = compiled(operator, optimizer=keras.optimizers.SGD(rate))
    arguments = {"operator": form, "loss_weight": weight}
    augmented = ksa.callbacks.Augmented(model, widths=(2.0,), **arguments)

    def loss():
        return LOSS(y, model(x, training=True)) + weight * LOSS(y, augmented(x))

    before = values(model.trainable_variables)
    moving = values(model.non_trainable_variables)
    steps = gradients(loss, augmented.trainable_variables)[: len(before)]
    for variable, value in zip(model.non_trainable_variables, moving, strict=True):
        variable.assign(value)
    fit(model, (x, y), [augmentation(**arguments)], epochs=1)
    for old, new, step in zip(before, values(model.trainable_variables), steps, strict=True):
        np.testing.assert_allclose(new, old - rate * step, rtol=1e-4, atol=1e-5)


def test_logs_tell_both_losses(data):
    x, y = data[0][:16], data[1][:16]
    model = compiled()
    augmented = ksa.callbacks.Augmented(model, widths=(2.0,))
    moving = values(model.non_trainable_variables)
    tiny_loss = float(LOSS(y, model(x, training=True)))
    wide_loss = float(LOSS(y, augmented(x)))
    for variable, value in zip(model.non_trainable_variables, moving, strict=True):
        variable.assign(value)
    history = fit(model, (x, y), [augmentation()], epochs=1)
    np.testing.assert_allclose(history["loss"], [tiny_loss], rtol=1e-5)
    np.testing.assert_allclose(history["augmented_loss"], [wide_loss], rtol=1e-5)


@pytest.mark.parametrize("reduced", [False, True])
def test_learning_rates_reach_the_extra_weights(data, reduced):
    # Without a learning rate nothing moves; the extra weights neither.
    seen = []

    def look(model):
        companion = model.optimizer._companion()
        seen.append(float(keras.ops.convert_to_numpy(companion.optimizer.learning_rate)))

    schedule = keras.callbacks.LearningRateScheduler(lambda epoch, rate: 0.25)
    trained(data, [augmentation(), *([schedule] if reduced else []), Within(look)], epochs=1)
    assert seen == [pytest.approx(0.25 if reduced else 0.05)]


def test_clipping_by_the_global_norm_leaves_the_extra_weights_out(data):
    def after(callbacks):
        model = compiled("conv", optimizer=keras.optimizers.SGD(0.1, global_clipnorm=1e-3))
        before = values(model.trainable_variables)
        fit(model, data, callbacks, epochs=1, batch_size=48)
        moved = zip(values(model.trainable_variables), before, strict=True)
        return np.sqrt(sum(np.sum((a - b) ** 2) for a, b in moved))

    np.testing.assert_allclose(after([]), 1e-4, rtol=1e-2)
    np.testing.assert_allclose(after([augmentation()]), 1e-4, rtol=1e-2)


def test_regularisation_counts_once(data):
    inputs = keras.Input((6, 6, 2))
    x = keras.layers.Conv2D(3, 3, kernel_regularizer=keras.regularizers.L2(10.0))(inputs)
    outputs = keras.layers.Dense(3)(keras.layers.GlobalAveragePooling2D()(x))
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.SGD(0.0), LOSS)
    history = fit(model, data, [augmentation()], epochs=1, batch_size=48)
    plain = model.evaluate(*data, batch_size=48, verbose=0)
    np.testing.assert_allclose(history["loss"], [plain], rtol=1e-4)
    assert history["augmented_loss"][0] < 5 < plain


def test_several_outputs_and_their_metrics(rng):
    inputs = keras.Input((4,))
    x = keras.layers.Dense(6, activation="relu")(inputs)
    outputs = {"a": keras.layers.Dense(2)(x), "b": keras.layers.Dense(3)(x)}
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.SGD(0.0), {"a": "mse", "b": "mae"})
    x = rng.normal(size=(32, 4)).astype("float32")
    y = {"a": rng.normal(size=(32, 2)), "b": rng.normal(size=(32, 3))}
    history = fit(model, (x, y), [augmentation()], epochs=1, batch_size=32)
    plain = model.evaluate(x, y, verbose=0, return_dict=True)
    for name in ("loss", "a_loss", "b_loss"):
        np.testing.assert_allclose(history[name], [plain[name]], rtol=1e-4)
    assert "augmented_loss" in history


def test_by_default_the_second_half_trains_the_tiny_network_alone(data):
    history = fit(compiled(), data, [ksa.callbacks.HybridAugmentation(widths=(2.0,))])
    np.testing.assert_array_equal(np.isfinite(history["augmented_loss"]), [True, False])


# TensorFlow and JAX compile two steps for each.
@pytest.mark.parametrize("fraction", [0.5, 1.0] if BACKEND == "torch" else [0.5])
def test_weights_of_samples_and_classes_count(data, fraction):
    weights = np.zeros(48)
    model = compiled("conv", optimizer=keras.optimizers.SGD(0.0))
    history = fit(
        model,
        data,
        [augmentation(batch_fraction=fraction)],
        sample_weight=weights,
        epochs=1,
    )
    np.testing.assert_allclose(history["augmented_loss"], [0.0], atol=1e-7)
    history = fit(
        model, data, [augmentation(batch_fraction=fraction)], class_weight={0: 0, 1: 0, 2: 0}
    )
    np.testing.assert_allclose(history["augmented_loss"], [0.0, 0.0], atol=1e-7)


def test_the_statistics_are_estimated_at_the_end(data):
    model = trained(data, [augmentation(calibration_data=data[0])])
    before = values(model.non_trainable_variables)
    ksa.callbacks.recalibrate_batch_normalization(model, data[0])
    after = values(model.non_trainable_variables)
    assert len(before) == 2
    for one, two in zip(before, after, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-3, atol=1e-4)


def test_channels_are_sorted_in_the_first_part(data):
    sorted_at = []

    class Told(ksa.callbacks.HybridAugmentation):
        def set_model(self, model):
            super().set_model(model)
            sort = self._augmentation.network.sort_channels
            self._augmentation.network.sort_channels = lambda slots: sorted_at.append(
                (self._epoch, sort(slots))
            )

    callback = Told(widths=(2.0,), sort_channels_until=0.75, calibration_data=data[0])
    model = compiled("conv", optimizer=keras.optimizers.SGD(0.0))
    before = values(model.trainable_variables)[0]
    history = fit(model, data, [callback], epochs=4, validation_data=data)
    assert sorted_at == [(1, ["features"]), (2, ["features"])]
    assert np.all(np.isfinite(history["val_loss"]))
    assert np.abs(values(model.trainable_variables)[0] - before).max() > 0.01


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"schedule": 2.0}, "`schedule` must be a number from 0 to 1"),
        ({"sort_channels_until": -1}, "`sort_channels_until` must be a number from 0 to 1"),
        ({"sort_channels_until": 0.5}, "needs `calibration_data`"),
        ({"batch_fraction": 0.0}, "`batch_fraction` must be above 0"),
        ({"widths": (0.5,)}, "`widths` must be a tuple of numbers above 1"),
    ],
)
def test_wrong_arguments_are_named(arguments, words):
    with pytest.raises(ValueError, match=words):
        augmentation(**arguments)


def test_describe_needs_a_training(data):
    callback = augmentation()
    with pytest.raises(ValueError, match="There was none"):
        callback.describe()
    trained(data, [callback], epochs=1)
    assert "features: 4 channels, with extra ones 8" in callback.describe()
