"""What the tests of HybridAttention share."""

import keras

PROJECTIONS = ("dense", "shift", "adder")
PLACES = ("query", "key", "value", "output")


def numpy_of(tensor):
    return keras.ops.convert_to_numpy(tensor)


def built(layer, tensors):
    layer.build(*(tensors[name].shape for name in ("query", "value", "key")))
    return layer
