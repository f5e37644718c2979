"""Training steps: equal to the equations on every backend, compiled or not."""

import keras
import numpy as np
import pytest

import keras_shiftadd as ksa
from keras_shiftadd.testing import reference

L = ksa.layers


def one_step(layer, x, targets, jit_compile, learning_rate=1.0):
    """The layer's weights after one SGD step on a mean squared error."""
    model = keras.Sequential([keras.Input(x.shape[1:]), layer])
    before = [np.array(w) for w in layer.get_weights()]
    model.compile(keras.optimizers.SGD(learning_rate), "mse", jit_compile=jit_compile)
    # No normalisation follows: this is about one step, not about training well.
    with pytest.warns(L.MissingNormalizationWarning):
        model.fit(x, targets, batch_size=len(x), verbose=0)
    return before, layer.get_weights()


@pytest.mark.parametrize("gradient_scale", [0.2, None])
@pytest.mark.parametrize("gradient", ksa.ops.ADDER_GRADIENTS)
def test_one_step_of_an_adder_convolution_follows_the_equations(rng, gradient, gradient_scale):
    x = rng.normal(size=(2, 5, 5, 3)).astype("float32")
    targets = rng.normal(size=(2, 3, 3, 4)).astype("float32")
    layer = L.AdderConv2D(4, 3, gradient=gradient, gradient_scale=gradient_scale)
    (w, b), (new_w, new_b) = one_step(layer, x, targets, jit_compile=False)
    g = 2 * (reference.adder_conv(x, w) + b - targets) / targets.size
    _, dw = reference.adder_conv_gradients(x, w, g, gradient=gradient)
    if gradient_scale is not None:
        dw = reference.normalize_gradient(dw, gradient_scale)
    # Every backend equals the same float64 step, hence each other.
    np.testing.assert_allclose(new_w, w - dw, rtol=1e-6, atol=1e-6 * np.abs(dw).max())
    np.testing.assert_allclose(new_b, b - g.sum((0, 1, 2)), rtol=1e-5, atol=1e-5)


def test_one_compiled_step_keeps_the_custom_gradient(rng):
    # On torch, a keras Variable handed to custom_gradient under torch.compile is differentiated
    # without it, silently. A dense layer compiles in the least time and takes the same path.
    x = rng.normal(size=(3, 5)).astype("float32")
    targets = rng.normal(size=(3, 4)).astype("float32")
    layer = L.AdderDense(4, use_bias=False)
    (w,), (new_w,) = one_step(layer, x, targets, jit_compile=True)
    g = 2 * (reference.adder_conv(x[:, None], w[None])[:, 0] - targets) / targets.size
    _, dw = reference.adder_conv_gradients(x[:, None], w[None], g[:, None])
    np.testing.assert_allclose(new_w, w - reference.normalize_gradient(dw[0]), rtol=1e-6, atol=1e-6)


def test_a_hybrid_network_learns(rng):
    # Two classes that differ by the place of a bright square.
    x = rng.normal(size=(128, 8, 8, 1)).astype("float32") * 0.3
    y = np.arange(128) % 2
    x[y == 0, :4, :4] += 1
    x[y == 1, 4:, 4:] += 1
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            L.ShiftConv2D(8, 3, use_bias=False),
            keras.layers.BatchNormalization(),
            keras.layers.ReLU(),
            L.AdderConv2D(8, 3, use_bias=False),
            keras.layers.BatchNormalization(),
            keras.layers.ReLU(),
            keras.layers.Flatten(),
            L.ShiftDense(2),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.05, momentum=0.9), loss)
    history = model.fit(x, y, epochs=8, batch_size=32, verbose=0)
    assert history.history["loss"][-1] < 0.1 < history.history["loss"][0]


def test_a_frozen_shift_kernel_does_not_move(rng):
    layer = L.ShiftAdderConv2D(4, 3, freeze_shift=True)
    model = keras.Sequential([keras.Input((6, 6, 2)), layer, keras.layers.BatchNormalization()])
    before = np.array(layer.shift.kernel)
    adder = np.array(layer.adder.kernel)
    model.compile("sgd", "mse")
    model.fit(rng.normal(size=(4, 6, 6, 2)), rng.normal(size=(4, 4, 4, 4)), verbose=0)
    np.testing.assert_array_equal(before, np.array(layer.shift.kernel))
    assert not np.array_equal(adder, np.array(layer.adder.kernel))


def test_trained_exponents_stay_in_their_range(rng):
    layer = L.ShiftDense(4, form="sign_exponent", weight_bits=3)
    model = keras.Sequential([keras.Input((6,)), layer])
    model.compile(keras.optimizers.SGD(100.0), "mse")
    model.fit(rng.normal(size=(8, 6)), rng.normal(size=(8, 4)), epochs=3, verbose=0)
    exponents = keras.ops.convert_to_numpy(layer.kernel_exponent)
    assert exponents.min() >= -2
    assert exponents.max() <= 0


def test_a_regulariser_of_a_decomposed_kernel_reaches_the_loss():
    layer = L.ShiftDense(4, form="dense", kernel_regularizer=keras.regularizers.L2(0.5))
    layer(np.ones((1, 3), "float32"))
    kernel = keras.ops.convert_to_numpy(layer.effective_kernel())
    np.testing.assert_allclose(float(sum(layer.losses)), 0.5 * (kernel**2).sum(), rtol=1e-5)


def test_float16_with_a_normalised_gradient_warns_of_the_loss_scale():
    with pytest.warns(UserWarning, match="cancels the loss scale"):
        L.AdderDense(3, dtype="mixed_float16").build((None, 4))


@pytest.mark.filterwarnings("ignore:An adder layer brings its kernel gradient")
@pytest.mark.parametrize(
    ("policy", "auto_scale_loss"),
    [("float32", True), ("mixed_bfloat16", True), ("mixed_float16", False)],
)
def test_the_step_has_the_stated_norm_under_every_recommended_policy(rng, policy, auto_scale_loss):
    layer = L.AdderDense(4, use_bias=False, dtype=policy)
    model = keras.Sequential([keras.Input((5,)), layer, keras.layers.BatchNormalization()])
    before = np.array(layer.get_weights()[0])
    model.compile(keras.optimizers.SGD(0.1), "mse", auto_scale_loss=auto_scale_loss)
    model.fit(rng.normal(size=(8, 5)), rng.normal(size=(8, 4)), batch_size=8, verbose=0)
    step = layer.get_weights()[0] - before
    assert abs(np.sqrt(np.mean(step**2)) / (0.1 * 0.2) - 1) < 1e-3
