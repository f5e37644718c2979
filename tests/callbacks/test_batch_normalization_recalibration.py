"""BatchNormalization statistics that are estimated anew."""

import keras
import numpy as np
import pytest

import keras_shiftadd as ksa

LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def network(dropout: float = 0.0) -> keras.Model:
    """Two normalised layers, one of them inside a nested model."""
    inner = keras.Sequential(
        [
            keras.Input((4, 4, 6)),
            ksa.layers.AdderConv2D(5, 3),
            keras.layers.BatchNormalization(name="inner_norm"),
        ]
    )
    inputs = keras.Input((6, 6, 2))
    x = keras.layers.Conv2D(6, 3)(inputs)
    x = keras.layers.BatchNormalization(name="norm")(x)
    x = keras.layers.Dropout(dropout)(keras.layers.ReLU()(x))
    x = keras.layers.GlobalAveragePooling2D()(inner(x))
    return keras.Model(inputs, keras.layers.Dense(3)(x))


def values(variables) -> list[np.ndarray]:
    """Copies of the values of variables."""
    return [np.array(keras.ops.convert_to_numpy(v)) for v in variables]


@pytest.fixture
def data(rng):
    """Samples of three classes."""
    return rng.normal(2.0, 3.0, (48, 6, 6, 2)).astype("float32"), rng.integers(0, 3, 48)


def compiled(dropout: float = 0.0) -> keras.Model:
    """A network ready for `fit`."""
    keras.utils.set_random_seed(3)
    model = network(dropout)
    model.compile(keras.optimizers.SGD(0.05, momentum=0.9), LOSS, metrics=["accuracy"])
    return model


def test_statistics_of_one_batch_are_its_means_and_variances(data):
    model = network()
    ksa.callbacks.recalibrate_batch_normalization(model, data[0], batch_size=48)
    outputs = keras.ops.convert_to_numpy(model.layers[1](data[0]))
    norm = model.get_layer("norm")
    mean, variance = values([norm.moving_mean, norm.moving_variance])
    np.testing.assert_allclose(mean, outputs.mean((0, 1, 2)), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(variance, outputs.var((0, 1, 2)), rtol=1e-4)


def test_statistics_of_batches_are_pooled(data):
    # The first normalisation sees the same inputs however they are cut into batches.
    norms = []
    for batch_size in (48, 8):
        keras.utils.set_random_seed(0)
        model = network()
        ksa.callbacks.recalibrate_batch_normalization(model, data[0], batch_size)
        norm = model.get_layer("norm")
        norms.append(values([norm.moving_mean, norm.moving_variance]))
    for whole, pooled in zip(*norms, strict=True):
        np.testing.assert_allclose(pooled, whole, rtol=1e-3, atol=1e-4)


def test_normalisations_of_nested_models_are_found(data):
    model = network()
    ksa.callbacks.recalibrate_batch_normalization(model, data[0])
    nested = next(layer for layer in model.layers if isinstance(layer, keras.Sequential))
    assert np.all(values([nested.get_layer("inner_norm").moving_mean])[0] < -1)


def test_validation_equals_training_mode_afterwards(data):
    model = network()
    ksa.callbacks.recalibrate_batch_normalization(model, data[0], batch_size=48)
    trained, inferred = (values([model(data[0], training=t)])[0] for t in (True, False))
    np.testing.assert_allclose(inferred, trained, rtol=1e-3, atol=1e-3)


def test_nothing_but_statistics_changes(data):
    model = network(dropout=0.5)
    norms = [v for v in model.variables if "moving" in v.name]
    others = [v for v in model.variables if "moving" not in v.name]
    before = values(others)
    momentum = model.get_layer("norm").momentum
    ksa.callbacks.recalibrate_batch_normalization(model, data[0])
    assert len(norms) == 4
    for old, new in zip(before, values(others), strict=True):
        np.testing.assert_array_equal(old, new)
    assert model.get_layer("norm").momentum == momentum


def test_frozen_normalisations_keep_their_statistics(data):
    model = network()
    model.get_layer("norm").trainable = False
    before = values([model.get_layer("norm").moving_mean])[0]
    ksa.callbacks.recalibrate_batch_normalization(model, data[0])
    np.testing.assert_array_equal(values([model.get_layer("norm").moving_mean])[0], before)


def test_models_of_several_inputs_take_a_structure(rng):
    inputs = {"a": keras.Input((3,), name="a"), "b": keras.Input((3,), name="b")}
    outputs = keras.layers.BatchNormalization()(keras.layers.Add()(list(inputs.values())))
    model = keras.Model(inputs, outputs)
    x = {name: rng.normal(size=(32, 3)).astype("float32") for name in inputs}
    ksa.callbacks.recalibrate_batch_normalization(model, x)
    mean = values([model.layers[-1].moving_mean])[0]
    np.testing.assert_allclose(mean, (x["a"] + x["b"]).mean(0), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_training_is_the_same_with_the_callback(data, dropout):
    found = []
    for recalibrated in (False, True):
        model = compiled(dropout)
        callbacks = [ksa.callbacks.BatchNormalizationRecalibration(data[0])] if recalibrated else []
        model.fit(
            *data, epochs=2, batch_size=16, validation_data=data, verbose=0, callbacks=callbacks
        )
        found.append(values(model.trainable_variables))
    for plain, other in zip(*found, strict=True):
        np.testing.assert_array_equal(plain, other)


def test_each_validation_sees_new_statistics(data):
    model = compiled()
    callback = ksa.callbacks.BatchNormalizationRecalibration(data[0], batch_size=48)
    history = model.fit(
        *data, epochs=3, batch_size=16, validation_data=data, verbose=0, callbacks=[callback]
    ).history
    ksa.callbacks.recalibrate_batch_normalization(model, data[0], batch_size=48)
    last = model.evaluate(*data, verbose=0, return_dict=True)
    np.testing.assert_allclose(history["val_loss"][-1], last["loss"], rtol=1e-4)


def test_an_epoch_without_validation_ends_with_new_statistics(data, tmp_path):
    model = compiled()
    path = tmp_path / "model.keras"
    callbacks = [
        ksa.callbacks.BatchNormalizationRecalibration(data[0], batch_size=48),
        keras.callbacks.ModelCheckpoint(path),
    ]
    model.fit(*data, epochs=1, batch_size=16, verbose=0, callbacks=callbacks)
    saved = keras.saving.load_model(path)
    before = values(saved.get_layer("norm").variables)
    ksa.callbacks.recalibrate_batch_normalization(saved, data[0], batch_size=48)
    for old, new in zip(before, values(saved.get_layer("norm").variables), strict=True):
        np.testing.assert_allclose(old, new, rtol=1e-4, atol=1e-5)


def test_evaluate_after_fit_leaves_statistics_alone(data):
    model = compiled()
    callback = ksa.callbacks.BatchNormalizationRecalibration(data[0])
    model.fit(*data, epochs=1, verbose=0, callbacks=[callback])
    model.get_layer("norm").moving_mean.assign([7.0] * 6)
    model.evaluate(*data, verbose=0, callbacks=[callback])
    np.testing.assert_array_equal(values([model.get_layer("norm").moving_mean])[0], [7.0] * 6)


class Pairs(keras.utils.PyDataset):
    """Three batches of (inputs, targets)."""

    def __init__(self, x, y):
        super().__init__()
        self.x, self.y = x, y

    def __len__(self):
        return 3

    def __getitem__(self, index):
        rows = slice(16 * index, 16 * index + 16)
        return self.x[rows], self.y[rows]


def test_samples_come_from_a_data_set(data):
    callback = ksa.callbacks.BatchNormalizationRecalibration(Pairs(*data), samples=20)
    model = compiled()
    model.fit(*data, epochs=1, verbose=0, callbacks=[callback])
    outputs = values([model.layers[1](data[0][:20])])[0]
    mean = values([model.get_layer("norm").moving_mean])[0]
    np.testing.assert_allclose(mean, outputs.mean((0, 1, 2)), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"x": np.zeros((0, 3))}, "must hold training samples"),
        ({"x": np.zeros((4, 3)), "samples": 0}, "`samples` must be a positive integer"),
        ({"x": np.zeros((4, 3)), "batch_size": 1.5}, "`batch_size` must be a positive integer"),
    ],
)
def test_wrong_arguments_are_named(arguments, words):
    with pytest.raises(ValueError, match=words):
        ksa.callbacks.BatchNormalizationRecalibration(**arguments)


def test_the_function_wants_arrays():
    with pytest.raises(ValueError, match="`x` must be an array"):
        ksa.callbacks.recalibrate_batch_normalization(network(), iter([]))
