"""The warning for adder layers that no normalisation follows."""

import warnings

import keras
import numpy as np
import pytest

import keras_shiftadd as ksa

L = ksa.layers


def sequential(*layers):
    return keras.Sequential([keras.Input((6, 6, 2)), *layers])


def fit(model):
    model.compile("sgd", "mse")
    model.fit(np.zeros((2, 6, 6, 2)), np.zeros((2, *model.output_shape[1:])), verbose=0)


@pytest.mark.parametrize(
    "model",
    [
        lambda: sequential(L.AdderConv2D(3, 3, name="adder")),
        lambda: sequential(L.AdderConv2D(3, 3, name="adder"), keras.layers.Conv2D(2, 1)),
        lambda: sequential(
            L.AdderConv2D(3, 3, name="adder"), keras.layers.ReLU(), L.ShiftConv2D(2, 1)
        ),
        lambda: sequential(L.ShiftAdderConv2D(3, 3, name="adder")),
        lambda: sequential(L.HybridConv2D(3, 3, operator="adder", name="adder")),
    ],
)
def test_a_missing_normalisation_is_named(model):
    with pytest.warns(L.MissingNormalizationWarning, match="with adder not followed"):
        assert L.check_normalization(model()) == ["adder"]


@pytest.mark.parametrize(
    "model",
    [
        lambda: sequential(L.AdderConv2D(3, 3), keras.layers.BatchNormalization()),
        lambda: sequential(L.AdderConv2D(3, 3), keras.layers.LayerNormalization()),
        lambda: sequential(
            L.AdderConv2D(3, 3), keras.layers.MaxPooling2D(), keras.layers.BatchNormalization()
        ),
        lambda: sequential(L.ShiftConv2D(3, 3)),
        lambda: sequential(
            keras.Sequential(
                [keras.Input((6, 6, 2)), L.AdderConv2D(3, 3), keras.layers.BatchNormalization()]
            )
        ),
    ],
)
def test_a_normalised_model_is_silent(model):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert L.check_normalization(model()) == []


def test_one_branch_without_normalisation_is_enough():
    inputs = keras.Input((6, 6, 2))
    adder = L.AdderConv2D(2, 3, padding="same", name="adder")(inputs)
    outputs = keras.layers.Add()([keras.layers.BatchNormalization()(adder), adder])
    with pytest.warns(L.MissingNormalizationWarning):
        assert L.check_normalization(keras.Model(inputs, outputs)) == ["adder"]


def test_an_adder_inside_an_inner_model_is_found():
    inner = keras.Sequential(
        [keras.Input((6, 6, 2)), L.AdderConv2D(3, 3, name="adder"), keras.layers.Conv2D(2, 1)]
    )
    with pytest.warns(L.MissingNormalizationWarning):
        assert L.check_normalization(sequential(inner)) == ["adder"]


def test_training_warns_once_a_model():
    model = sequential(L.AdderConv2D(3, 3), L.AdderConv2D(2, 3))
    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("always")
        fit(model)
        fit(model)
    assert [w.category for w in record].count(L.MissingNormalizationWarning) == 1


def test_prediction_does_not_warn():
    model = sequential(L.AdderConv2D(3, 3))
    with warnings.catch_warnings():
        warnings.simplefilter("error", L.MissingNormalizationWarning)
        model.predict(np.zeros((2, 6, 6, 2)), verbose=0)
