"""The model is the tiny network at any moment: in files, in validation, and afterwards."""

import keras
import numpy as np
import pytest
from augmented_networks import compiled, smallest, values
from short_trainings import Within, augmentation, fit, trained


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
