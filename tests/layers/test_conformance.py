"""Every layer of the package is held to the public conformance suite."""

import keras
import pytest
from layer_references import expected

import keras_shiftadd as ksa

L = ksa.layers
IMAGE, SIGNAL, ROWS = (2, 8, 7, 4), (2, 12, 4), (3, 5, 4)

LAYERS = [
    (L.ShiftConv1D, {"filters": 6, "kernel_size": 3}, SIGNAL),
    (L.ShiftConv1D, {"filters": 6, "kernel_size": 3, "padding": "causal"}, SIGNAL),
    (L.ShiftConv2D, {"filters": 6, "kernel_size": 3, "groups": 2}, IMAGE),
    (L.ShiftConv2D, {"filters": 6, "kernel_size": 3, "form": "sign_exponent"}, IMAGE),
    (L.ShiftConv2D, {"filters": 6, "kernel_size": 3, "form": "dense", "weight_bits": 3}, IMAGE),
    (L.ShiftDepthwiseConv2D, {"kernel_size": 3, "padding": "same"}, IMAGE),
    (L.ShiftDense, {"units": 5}, ROWS),
    (L.AdderConv1D, {"filters": 6, "kernel_size": 3, "strides": 2}, SIGNAL),
    (L.AdderConv2D, {"filters": 6, "kernel_size": 3, "padding": "same", "strides": 2}, IMAGE),
    (L.AdderConv2D, {"filters": 6, "kernel_size": 3, "groups": 2}, IMAGE),
    (L.AdderDepthwiseConv2D, {"kernel_size": 3, "depth_multiplier": 2}, IMAGE),
    (L.AdderDense, {"units": 5}, ROWS),
]
COMPOSED = [
    (L.ShiftAdderConv2D, {"filters": 6, "kernel_size": 3, "strides": 2, "padding": "same"}, IMAGE),
    (L.ShiftAdderConv2D, {"filters": 6, "kernel_size": 3, "freeze_shift": True}, IMAGE),
    (L.FakeQuantization, {"low": -0.5, "high": 0.6}, ROWS),
    (L.HybridConv2D, {"filters": 6, "kernel_size": 3, "operator": "conv"}, IMAGE),
    (L.HybridConv2D, {"filters": 6, "kernel_size": 3, "operator": "shift"}, IMAGE),
    *(
        (
            L.HybridConv2D,
            {"filters": 6, "kernel_size": 3, "operator": "adder", "weight_sharing": w},
            IMAGE,
        )
        for w in ("transport", "gain", "binned", "none")
    ),
]


@pytest.mark.filterwarnings("ignore:An adder layer brings its kernel gradient")
@pytest.mark.parametrize(("layer_class", "arguments", "input_shape"), LAYERS)
def test_layer_conforms(layer_class, arguments, input_shape):
    layer = layer_class(**arguments)
    ksa.testing.check_layer(
        layer_class,
        arguments,
        input_shape,
        reference=lambda x, weights, upstream: expected(layer, x, weights, upstream),
    )


@pytest.mark.filterwarnings("ignore:An adder layer brings its kernel gradient")
@pytest.mark.parametrize(("layer_class", "arguments", "input_shape"), COMPOSED)
def test_composed_layer_conforms(layer_class, arguments, input_shape):
    ksa.testing.check_layer(layer_class, arguments, input_shape)


def test_all_arguments_survive_serialization():
    ksa.testing.check_serialization(
        L.ShiftConv2D,
        {
            "filters": 4,
            "kernel_size": (3, 1),
            "strides": (2, 1),
            "padding": "same",
            "groups": 2,
            "activation": "relu",
            "use_bias": True,
            "kernel_initializer": keras.initializers.HeNormal(seed=3),
            "bias_initializer": "ones",
            "kernel_regularizer": keras.regularizers.L2(1e-4),
            "bias_regularizer": "l1",
            "activity_regularizer": keras.regularizers.L1(1e-3),
            "kernel_constraint": keras.constraints.MaxNorm(2.0),
            "bias_constraint": "non_neg",
            "weight_bits": 4,
            "max_exponent": -1,
            "activation_bits": (8, 8),
            "name": "named",
            "dtype": "float32",
        },
        IMAGE,
    )


def test_the_suite_finds_a_layer_that_forgets_an_argument():
    @keras.saving.register_keras_serializable(package="conformance_test")
    class Forgetful(keras.layers.Layer):
        def __init__(self, factor=1.0, **kwargs):
            super().__init__(**kwargs)
            self.factor = factor

        def call(self, inputs):
            return inputs * self.factor

        def compute_output_shape(self, input_shape):
            return input_shape

        def get_config(self):
            return super().get_config()

    with pytest.raises(ksa.testing.ConformanceError, match="predicts something else"):
        ksa.testing.check_serialization(Forgetful, {"factor": 3.0}, (2, 3))


def test_the_suite_finds_a_wrong_gradient():
    def wrong(inputs, weights, upstream):
        y, dx, dws = expected(L.AdderDense(3), inputs, weights, upstream)
        return y, dx * 1.01, dws

    with pytest.raises(ksa.testing.ConformanceError, match="input gradient differs"):
        ksa.testing.check_gradients(L.AdderDense, {"units": 3}, (2, 4), wrong)


def test_the_suite_finds_a_weight_created_by_the_first_call():
    class Late(keras.layers.Layer):
        def build(self, input_shape):
            self.inner = keras.layers.Dense(2)
            self.built = True

        def call(self, inputs):
            return self.inner(inputs)

    with pytest.raises(ksa.testing.ConformanceError, match="first call creates weights"):
        ksa.testing.check_build(Late, {}, (2, 3))


def test_the_suite_finds_a_weight_that_does_not_train():
    class Stuck(keras.layers.Layer):
        def build(self, input_shape):
            self.factor = self.add_weight(shape=(input_shape[-1],), initializer="ones")
            self.built = True

        def call(self, inputs):
            return inputs * keras.ops.stop_gradient(self.factor)

    with pytest.raises(ksa.testing.ConformanceError, match="does not move"):
        ksa.testing.check_training_step(Stuck, {}, (4, 3))
