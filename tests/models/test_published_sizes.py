"""Parameters, operations and predictions of ready networks are those that were published."""

import keras
import numpy as np
import pytest
from ready_networks import copy_weights, randomize, steps

from keras_shiftadd import models

pytestmark = pytest.mark.once


def trained(model):
    """Parameters without moving averages, which publications leave out."""
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)


def test_resnet8_has_the_kernels_of_mlperf_tiny():
    # The benchmark's model has 78,666 parameters. Its convolutions have biases (which a
    # normalisation makes idle) and its two shortcuts have no normalisation.
    model = models.ResNet8()
    biases = 16 + 2 * 16 + 3 * 32 + 3 * 64
    shortcut_norms = 4 * (32 + 64)
    assert model.count_params() + biases - shortcut_norms == 78_666
    assert round(steps(model) / 1e6, 1) == 12.5


@pytest.mark.parametrize(("name", "millions"), [("ResNet20", 0.27), ("ResNet32", 0.46)])
def test_resnets_have_the_size_of_the_paper_apart_from_the_pointwise_shortcuts(name, millions):
    # He et al., table 6. Their shortcuts have no weights; ours are 2 pointwise convolutions.
    model = getattr(models, name)()
    assert round((trained(model) - 16 * 32 - 32 * 64) / 1e6, 2) == millions


def test_ds_cnn_has_the_parameters_of_mlperf_tiny():
    # 24,908 in the benchmark's model, whose 9 convolutions have biases.
    model = models.DSCNN()
    assert model.count_params() + 9 * 64 == 24_908
    assert round(steps(model) / 1e6, 1) == 2.7


@pytest.mark.parametrize(
    ("name", "parameters", "macs"), [("MobileNetV2Tiny", 0.75, 23.5), ("MCUNet", 0.74, 81.8)]
)
def test_tiny_networks_have_the_size_that_their_authors_give(name, parameters, macs):
    # The tables of models published with NetAug and MCUNet.
    model = getattr(models, name)()
    assert round(trained(model) / 1e6, 2) == parameters
    assert steps(model) / 1e6 == pytest.approx(macs, rel=0.005)


def test_mobilenet_v2_has_the_operations_of_the_paper():
    # Sandler et al., table 4: 300 M multiply-adds, 3.4 M parameters.
    model = models.MobileNetV2()
    assert steps(model) / 1e6 == pytest.approx(300, rel=0.01)
    assert model.count_params() == 3_538_984  # that of keras.applications


@pytest.mark.parametrize("name", ["MobileNetV2", "MobileNetV3Small"])
def test_predictions_are_those_of_keras_applications_with_its_weights(name, rng):
    more = {"include_preprocessing": False} if name == "MobileNetV3Small" else {}
    shape = {"input_shape": (64, 96, 3)}
    theirs = getattr(keras.applications, name)(weights=None, alpha=0.35, classes=7, **shape, **more)
    ours = getattr(models, name)(num_classes=7, alpha=0.35, **shape)
    randomize(theirs)
    copy_weights(theirs, ours)
    x = rng.normal(size=(2, 64, 96, 3)).astype("float32")
    expected, received = theirs.predict(x, verbose=0), ours.predict(x, verbose=0)
    assert np.ptp(expected) > 1e-3
    np.testing.assert_allclose(received, expected, atol=1e-4)
