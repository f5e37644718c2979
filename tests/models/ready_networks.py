"""What the tests of ready networks share: small arguments, and copies of published weights."""

import keras
import numpy as np

import keras_shiftadd as ksa

# Small inputs and few channels: values do not matter for what is tested with them.
SMALL = {
    "DSCNN": {"input_shape": (12, 6, 1), "num_classes": 3, "alpha": 0.1},
    "MCUNet": {"input_shape": (32, 32, 3), "num_classes": 3},
    "MobileNetV2": {"input_shape": (32, 32, 3), "num_classes": 3, "alpha": 0.1},
    "MobileNetV2Tiny": {"input_shape": (32, 32, 3), "num_classes": 3},
    "MobileNetV3Small": {"input_shape": (32, 32, 3), "num_classes": 3, "alpha": 0.1},
    "ResNet8": {"input_shape": (8, 8, 3), "num_classes": 3, "alpha": 0.25},
    "ResNet20": {"input_shape": (8, 8, 3), "num_classes": 3, "alpha": 0.25},
    "ResNet32": {"input_shape": (8, 8, 3), "num_classes": 3, "alpha": 0.25},
}


def small(name, **arguments):
    """A small network of a function."""
    return getattr(ksa.models, name)(**{**SMALL[name], **arguments})


def steps(model):
    """Multiply-accumulate steps of all kernels."""
    rows = ksa.cost.count_operations(model).rows
    return sum(step.count for row in rows for step in row.steps)


def randomize(model, seed=0):
    """Gives all weights random values, moving averages too."""
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        if "seed_generator" in weight.path:
            continue
        values = rng.normal(size=weight.shape, scale=0.2)
        if "variance" in weight.path:
            values = 1 + np.abs(values)
        weight.assign(values.astype("float32"))


def copy_weights(source, target):
    """Copies weights in the order of the layers; pointwise convolutions may become dense."""
    values = [w for layer in source.layers for w in layer.weights if "seed" not in w.path]
    places = [w for layer in target.layers for w in layer.weights if "seed" not in w.path]
    assert len(values) == len(places)
    for value, place in zip(values, places, strict=True):
        array = keras.ops.convert_to_numpy(value)
        assert array.size == np.prod(place.shape)
        place.assign(array.reshape(place.shape))
