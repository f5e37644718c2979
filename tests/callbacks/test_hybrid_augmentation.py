"""Training of a tiny network inside wide ones, by `fit`."""

import os
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest
from augmented_networks import LOSS, compiled, gradients, smallest, values

import keras_shiftadd as ksa

BACKEND = keras.backend.backend()


@pytest.fixture
def data(rng):
    """Samples of three classes, three batches of 16."""
    return rng.normal(size=(48, 6, 6, 2)).astype("float32"), rng.integers(0, 3, 48)


def augmentation(**arguments):
    """One wide network in each step, compiled quickly."""
    return ksa.callbacks.HybridAugmentation(**{"widths": (2.0,), "schedule": 1.0, **arguments})


def fit(model, data, callbacks=(), **arguments):
    """Two epochs of three batches."""
    arguments = {"epochs": 2, "batch_size": 16, "shuffle": False, "verbose": 0, **arguments}
    return model.fit(*data, callbacks=list(callbacks), **arguments).history


def trained(data, callbacks=(), operator="adder", **arguments):
    """A tiny network after `fit`."""
    model = compiled(operator)
    fit(model, data, callbacks, **arguments)
    return model


class Within(keras.callbacks.Callback):
    """Calls a function with the model after the second batch."""

    def __init__(self, function):
        super().__init__()
        self.function = function
        self.result = None

    def on_train_batch_end(self, batch, logs=None):
        if batch == 1 and self.result is None:
            if hasattr(self.model, "jax_state_sync"):
                self.model.jax_state_sync()
            self.result = self.function(self.model)


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


def test_validation_is_that_of_the_tiny_network(data):
    model = compiled()
    history = fit(model, data, [augmentation()], validation_data=data)
    assert set(history) == {"accuracy", "augmented_loss", "loss", "val_accuracy", "val_loss"}
    result = model.evaluate(*data, verbose=0, return_dict=True)
    np.testing.assert_allclose(history["val_loss"][-1], result["loss"], rtol=1e-5)


def test_afterwards_the_model_is_the_plain_one(data, tmp_path):
    plain, other = trained(data), trained(data, [augmentation()])
    assert type(other) is type(plain)
    assert type(other.optimizer) is type(plain.optimizer)
    assert vars(other).keys() == vars(plain).keys()
    for of in (
        lambda m: m.variables,
        lambda m: m.trainable_variables,
        lambda m: m.optimizer.variables,
        lambda m: m.metrics_variables,
    ):
        assert [tuple(v.shape) for v in of(other)] == [tuple(v.shape) for v in of(plain)]
    sizes = []
    for model in (plain, other):
        model.save(tmp_path / "model.keras")
        sizes.append((tmp_path / "model.keras").stat().st_size)
        loaded = keras.saving.load_model(tmp_path / "model.keras")
        for one, two in zip(values(loaded.variables), values(model.variables), strict=True):
            np.testing.assert_array_equal(one, two)
    assert abs(sizes[0] - sizes[1]) < 200


def test_the_summary_is_the_same_before_during_and_after(data):
    def summary(model):
        lines = []
        model.summary(print_fn=lambda text, line_break=None: lines.append(text))
        return lines

    model = compiled()
    fit(model, data, epochs=1)
    before = summary(model)
    within = Within(summary)
    fit(model, data, [augmentation(), within], epochs=1)
    assert before == within.result == summary(model)


def test_a_checkpoint_within_an_epoch_is_the_tiny_network(data, tmp_path):
    path = tmp_path / "model.keras"
    within = Within(lambda model: (model.save(path), values(model.variables)))
    trained(data, [augmentation(), within])
    loaded = keras.saving.load_model(path)
    assert type(loaded) is keras.Model or type(loaded).__name__ == "Functional"
    for one, two in zip(within.result[1], values(loaded.variables), strict=True):
        np.testing.assert_array_equal(one, two)
    assert len(loaded.optimizer.variables) == len(trained(data).optimizer.variables)


def test_weights_alone_are_those_of_the_tiny_network(data, tmp_path):
    path = tmp_path / "model.weights.h5"
    within = Within(lambda model: (model.save_weights(path), values(model.variables)))
    trained(data, [augmentation(), within])
    other = smallest()
    other.load_weights(path)
    for one, two in zip(within.result[1], values(other.variables), strict=True):
        np.testing.assert_array_equal(one, two)


def test_model_checkpoint_and_early_stopping_work(data, tmp_path):
    callbacks = [
        augmentation(),
        keras.callbacks.ModelCheckpoint(tmp_path / "{epoch}.keras", monitor="val_loss"),
        keras.callbacks.EarlyStopping("val_loss", patience=0, restore_best_weights=True),
    ]
    model = trained(data, callbacks, validation_data=data, epochs=3)
    files = sorted(tmp_path.iterdir())
    assert files
    keras.saving.load_model(files[0])
    assert model.predict(data[0], verbose=0).shape == (48, 3)


def test_a_killed_training_goes_on_from_its_backup(data, tmp_path):
    class Kill(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                raise KeyboardInterrupt

    backup = keras.callbacks.BackupAndRestore(tmp_path / "backup", delete_checkpoint=False)
    model = compiled()
    with pytest.raises(KeyboardInterrupt):
        fit(model, data, [augmentation(), backup, Kill()], epochs=3)
    backup = keras.callbacks.BackupAndRestore(tmp_path / "backup")
    history = fit(compiled(), data, [augmentation(), backup], epochs=3)
    assert len(history["loss"]) == 2


def test_the_next_fit_after_an_exception_is_the_plain_one(data):
    class Fail(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            raise RuntimeError("stop")

    model = compiled()
    start = values(model.variables)
    with pytest.raises(RuntimeError, match="stop"):
        fit(model, data, [augmentation(), Fail()])
    plain = compiled()
    if hasattr(model, "jax_state_sync"):
        model.jax_state_sync()
    for variable, value in zip(model.variables, start, strict=True):
        variable.assign(value)
    model.optimizer = keras.optimizers.SGD(0.05, momentum=0.9)
    history = fit(model, data)
    assert set(history) == {"accuracy", "loss"}
    np.testing.assert_allclose(history["loss"], fit(plain, data)["loss"], rtol=1e-4)


def test_fit_can_be_called_again(data):
    model = compiled()
    callback = augmentation()
    first = fit(model, data, [callback])
    second = fit(model, data, [callback])
    assert set(first) == set(second) == {"accuracy", "augmented_loss", "loss"}
    assert set(fit(model, data)) == {"accuracy", "loss"}


def test_evaluate_and_predict_may_be_given_the_callback(data):
    model = compiled()
    callback = augmentation()
    plain = model.evaluate(*data, verbose=0)
    assert model.evaluate(*data, verbose=0, callbacks=[callback]) == plain
    model.predict(data[0], verbose=0, callbacks=[callback])
    assert type(model) is type(smallest())


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


@pytest.mark.parametrize("fraction", [0.5, 1.0])
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


@pytest.mark.skipif(BACKEND == "torch", reason="torch: its steps are not compiled")
def test_nothing_is_compiled_after_the_first_epoch(data):
    traces = []

    class Counted(ksa.callbacks.HybridAugmentation):
        def set_model(self, model):
            super().set_model(model)
            network = self._augmentation.network

            def counted(inputs, widths):
                traces.append((self._epoch, widths))
                return network(inputs, widths)

            counted.variables = network.variables
            counted.configurations = network.configurations
            self._augmentation.network = counted

    fit(compiled("conv"), data, [Counted(widths=(1.5, 2.0))], epochs=3)
    assert {epoch for epoch, _ in traces} == {0}
    assert len({widths for _, widths in traces}) == 2


@pytest.mark.skipif(BACKEND == "torch", reason="torch: steps_per_execution must be 1 there")
def test_several_steps_an_execution(data):
    model = compiled("shift", steps_per_execution=3)
    history = fit(model, data, [augmentation()])
    assert np.all(np.isfinite(history["augmented_loss"]))


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision(data, policy):
    keras.config.set_dtype_policy(policy)
    try:
        model = compiled("shift")
        before = values(model.trainable_variables)
        history = fit(model, data, [augmentation()])
        assert np.all(np.isfinite(history["loss"] + history["augmented_loss"]))
        moved = [
            np.abs(a - b).max()
            for a, b in zip(before, values(model.trainable_variables), strict=True)
        ]
        assert max(moved) > 0
        assert "_companion" not in vars(model.optimizer)
    finally:
        keras.config.set_dtype_policy("float32")


@pytest.mark.skipif(BACKEND != "tensorflow", reason="tf.distribute needs KERAS_BACKEND=tensorflow")
def test_mirrored_strategy_trains(data):
    import tensorflow as tf

    with tf.distribute.MirroredStrategy(["/cpu:0"]).scope():
        model = compiled("shift")
    history = fit(model, data, [augmentation()])
    assert np.all(np.isfinite(history["augmented_loss"]))


DATA_PARALLEL = """
import keras, numpy as np
keras.distribution.set_distribution(keras.distribution.DataParallel())
import keras_shiftadd as ksa
from augmented_networks import compiled
x, y = np.zeros((16, 6, 6, 2), "float32"), np.arange(16) % 3
augmentation = ksa.callbacks.HybridAugmentation(widths=(2.0,))
model = compiled("shift")
print(model.fit(x, y, verbose=0, callbacks=[augmentation]).history["augmented_loss"])
assert len(model.trainable_variables[0].value.sharding.device_set) == 2
"""


@pytest.mark.skipif(BACKEND != "jax", reason="two devices of a processor need KERAS_BACKEND=jax")
def test_data_parallel_trains():
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=2"
    done = subprocess.run(
        [sys.executable, "-c", DATA_PARALLEL],
        env={**os.environ, "XLA_FLAGS": flags, "PYTHONPATH": str(pathlib.Path(__file__).parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert np.isfinite(float(done.stdout.strip().strip("[]")))


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
