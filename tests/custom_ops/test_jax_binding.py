"""The kernels as XLA calls."""

import pytest
from binding_forms import in_form, require_compiled

import keras_shiftadd as ksa
from keras_shiftadd.custom_ops._window import Window

binding = require_compiled("jax")

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402

WINDOW = Window((3, 3), (2, 1), (1, 1), "same")


def arrays(rng, *leading):
    shapes = (2, 7, 6, 4), (9, 2, 2, 3), (2, 4, 6, 6)
    return tuple(jnp.array(rng.normal(size=(*leading, *s)).astype("float32")) for s in shapes)


def conv(x, w):
    return binding.adder_conv(x, w, WINDOW, "full_precision")


def both_gradients(x, w, g):
    return jax.vjp(conv, x, w)[1](g)


def assert_close(actual, expected):
    jax.tree.map(
        lambda a, e: np.testing.assert_allclose(a, e, rtol=1e-5, atol=1e-5), actual, expected
    )


@pytest.fixture(autouse=True)
def _compiled():
    with in_form("compiled"):
        yield


def test_jit_equals_eager(rng):
    x, w, g = arrays(rng)
    assert_close(jax.jit(conv)(x, w), conv(x, w))
    assert_close(jax.jit(both_gradients)(x, w, g), both_gradients(x, w, g))


def test_the_operation_becomes_a_call_of_the_kernels(rng):
    x = jnp.zeros((1, 5, 5, 2))
    text = jax.jit(lambda a: ksa.ops.adder_conv(a, jnp.ones((3, 3, 2, 4)))).lower(x).as_text()
    assert "shiftadd_jax_adder_conv" in text


@pytest.mark.parametrize("axes", [(0, None), (None, 0), (0, 0), (2, 1), (-1, None)])
def test_vmap_equals_a_loop(rng, axes):
    x, w, _ = arrays(rng, 3)
    x = x[0] if axes[0] is None else jnp.moveaxis(x, 0, axes[0])
    w = w[0] if axes[1] is None else jnp.moveaxis(w, 0, axes[1])
    xs, ws = (
        [a] * 3 if axis is None else jnp.moveaxis(a, axis, 0)
        for a, axis in zip((x, w), axes, strict=True)
    )
    expected = jnp.stack([conv(a, b) for a, b in zip(xs, ws, strict=True)])
    assert_close(jax.jit(jax.vmap(conv, axes))(x, w), expected)


@pytest.mark.parametrize(
    "batched", [(1, 0, 1), (0, 1, 1), (1, 1, 1), (0, 0, 1), (0, 1, 0), (1, 0, 0)]
)
def test_vmap_of_the_gradients_equals_a_loop(rng, batched):
    many = arrays(rng, 3)
    inputs = [a if has_axis else a[0] for a, has_axis in zip(many, batched, strict=True)]
    each = [
        both_gradients(
            *(a[i] if has_axis else a[0] for a, has_axis in zip(many, batched, strict=True))
        )
        for i in range(3)
    ]
    axes = tuple(0 if has_axis else None for has_axis in batched)
    expected = tuple(jnp.stack(gradients) for gradients in zip(*each, strict=True))
    assert_close(jax.vmap(both_gradients, axes)(*inputs), expected)


def test_vmap_of_vmap_equals_a_loop(rng):
    x, w, _ = arrays(rng, 2)
    actual = jax.vmap(jax.vmap(conv, (None, 0)), (0, None))(x, w)
    assert_close(actual, jnp.stack([jnp.stack([conv(a, b) for b in w]) for a in x]))


def test_the_gradient_of_a_mapped_function_equals_that_of_a_loop(rng):
    x, w, _ = arrays(rng, 3)

    def mapped(w):
        return jnp.sum(jax.vmap(conv, (0, None))(x, w) ** 2)

    def loop(w):
        return sum(jnp.sum(conv(a, w) ** 2) for a in x)

    np.testing.assert_allclose(jax.grad(mapped)(w[0]), jax.grad(loop)(w[0]), rtol=1e-4, atol=1e-2)


def test_checkpoint_and_scan_keep_the_gradient(rng):
    x, w, _ = arrays(rng)
    w = w[:, :, :, :2]  # As many output channels as input channels: layers can be stacked.
    window = Window((3, 3), (1, 1), (1, 1), "same")

    def layer(x, w):
        return jnp.tanh(binding.adder_conv(x, w, window, "full_precision") / 50)

    def plain(w):
        return jnp.sum(layer(layer(x, w), w))

    def scanned(w):
        step = jax.checkpoint(lambda x, _: (layer(x, w), None))
        return jnp.sum(jax.lax.scan(step, x, length=2)[0])

    assert_close(jax.jit(jax.grad(scanned))(w), jax.grad(plain)(w))


@pytest.mark.parametrize(
    ("x", "w"),
    [
        ((1, 4, 4, 3), (9, 1, 2, 2)),
        ((1, 4, 4), (9, 1, 2, 2)),
        ((1, 4, 4, 2), (8, 1, 2, 2)),
        ((1, 0, 4, 2), (9, 1, 2, 2)),
    ],
)
def test_shapes_that_do_not_fit_are_refused(x, w):
    with pytest.raises(ValueError, match="Received: x of shape"):
        conv(jnp.zeros(x), jnp.zeros(w))


ATTRIBUTES = {
    "kernel_size": np.array([3, 3]),
    "strides": np.array([1, 1]),
    "dilation": np.array([1, 1]),
    "padding": np.int64(1),
}


@pytest.mark.parametrize(
    ("x", "w", "y", "changed", "message"),
    [
        ((1, 4, 4, 3), (9, 1, 2, 2), (1, 4, 4, 2), {}, "the channels of x must be"),
        ((1, 4, 4, 2), (8, 1, 2, 2), (1, 4, 4, 2), {}, "the first axis of w must hold"),
        ((1, 4, 4, 2), (9, 0, 2, 2), (1, 4, 4, 2), {}, "the channels of x must be"),
        ((1, 4, 4, 2), (9, 1, 2, 2), (1, 4, 4, 3), {}, "the output must have the shape"),
        ((1, 0, 4, 2), (9, 1, 2, 2), (1, 4, 4, 2), {}, "must be at least 1"),
        ((1, 2, 4, 2), (9, 1, 2, 2), (1, 1, 2, 2), {"padding": np.int64(0)}, "must fit"),
        ((1, 4, 4, 2), (9, 1, 2, 2), (1, 4, 4, 2), {"padding": np.int64(7)}, "padding is unknown"),
        ((1, 4, 4, 2), (9, 1, 2, 2), (1, 4, 4, 2), {"strides": np.array([1])}, "two integers"),
        ((1, 4, 4, 2), (9, 1, 2, 2), (1, 4, 4, 2), {"strides": np.array([0, 1])}, "at least 1"),
    ],
)
def test_the_library_itself_refuses_wrong_shapes(x, w, y, changed, message):
    call = jax.ffi.ffi_call(binding.TARGETS[0], jax.ShapeDtypeStruct(y, jnp.float32))
    with pytest.raises(Exception, match=message):
        call(jnp.zeros(x), jnp.zeros(w), **{**ATTRIBUTES, **changed}).block_until_ready()


@pytest.mark.parametrize("target", binding.TARGETS[1:])
@pytest.mark.parametrize(
    ("g", "slope", "message"), [((1, 3, 4, 2), 0, "g must have"), ((1, 4, 4, 2), 9, "the slope")]
)
def test_the_library_itself_refuses_wrong_gradients(target, g, slope, message):
    result = (1, 4, 4, 2) if "input" in target else (9, 1, 2, 2)
    call = jax.ffi.ffi_call(target, jax.ShapeDtypeStruct(result, jnp.float32))
    x, w = jnp.zeros((1, 4, 4, 2)), jnp.zeros((9, 1, 2, 2))
    with pytest.raises(Exception, match=message):
        call(x, w, jnp.zeros(g), **ATTRIBUTES, slope=np.int64(slope)).block_until_ready()


def test_a_gradient_of_a_gradient_names_the_portable_form(rng):
    x, w, _ = arrays(rng)
    with pytest.raises(NotImplementedError, match="KERAS_SHIFTADD_OPS=python"):
        jax.grad(lambda x: jax.grad(lambda x: conv(x, w).sum())(x).sum())(x)


def test_a_traced_function_takes_the_portable_form_beside_an_accelerator(monkeypatch):
    monkeypatch.setattr(binding, "_only_cpus", lambda: False)
    x = jnp.zeros((1, 5, 5, 2))

    def function(a):
        return ksa.ops.adder_conv(a, jnp.ones((3, 3, 2, 4)))

    assert "shiftadd_jax" not in jax.jit(function).lower(x).as_text()
    assert binding.serves(x, x)  # Outside of it, this array is known to lie on the CPU.
