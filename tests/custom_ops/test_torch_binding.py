"""The kernels as PyTorch ops."""

import pytest
from binding_forms import in_form, require_compiled

import keras_shiftadd as ksa
from keras_shiftadd.custom_ops._window import Window

binding = require_compiled("torch")

import torch  # noqa: E402

ATTRIBUTES = ([3, 3], [2, 1], [1, 1], "same")
WINDOW = Window((3, 3), (2, 1), (1, 1), "same")


def tensors(grad=True):
    x, w = torch.randn(2, 7, 6, 4), torch.randn(9, 2, 2, 3)
    return (x.requires_grad_(grad), w.requires_grad_(grad), torch.randn(2, 4, 6, 6))


@pytest.fixture(autouse=True)
def _compiled():
    with in_form("compiled"):
        yield


@pytest.mark.parametrize("slopes", [("clip", "identity"), ("sign", "sign")])
def test_the_forward_op_passes_opcheck(slopes):
    x, w, _ = tensors()
    torch.library.opcheck(torch.ops.keras_shiftadd.adder_conv, (x, w, *ATTRIBUTES, *slopes))


@pytest.mark.parametrize("of", ["input", "kernel"])
def test_the_gradient_ops_pass_opcheck(of):
    op = getattr(torch.ops.keras_shiftadd, f"adder_conv_{of}_gradient")
    torch.library.opcheck(op, (*tensors(grad=False), *ATTRIBUTES, "sign"))


def test_the_sign_gradient_is_the_derivative():
    # Numbers on two grids half a step apart stay away from the kinks of the absolute value.
    x = torch.randint(-4, 5, (1, 5, 4, 2)).float().requires_grad_()
    w = (torch.randint(-4, 5, (9, 1, 2, 2)).float() + 0.5).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda a, b: binding.adder_conv(a, b, WINDOW, "sign"),
        (x, w),
        eps=0.125,
        atol=1e-2,
        rtol=1e-3,
        nondet_tol=0.0,
    )


@pytest.mark.parametrize("gradient", ksa.ops.ADDER_GRADIENTS)
def test_torch_compile_takes_the_whole_graph(gradient):
    def function(a, b):
        return ksa.ops.adder_conv(a, b, padding="same", gradient=gradient)

    x, w = torch.randn(2, 6, 5, 4, requires_grad=True), torch.randn(3, 3, 4, 6, requires_grad=True)
    expected = torch.autograd.grad(function(x, w).square().sum(), (x, w))
    compiled = torch.compile(function, fullgraph=True, backend="aot_eager")
    actual = torch.autograd.grad(compiled(x, w).square().sum(), (x, w))
    torch.testing.assert_close(actual, expected)


@pytest.mark.parametrize("in_dims", [(0, None), (None, 0), (0, 0), (2, 1)])
def test_vmap_equals_a_loop(in_dims):
    shapes = [[2, 7, 6, 4], [9, 2, 2, 3]]
    for shape, axis in zip(shapes, in_dims, strict=True):
        if axis is not None:
            shape.insert(axis, 3)
    x, w = (torch.randn(shape) for shape in shapes)
    xs, ws = (
        [t] * 3 if axis is None else t.unbind(axis) for t, axis in zip((x, w), in_dims, strict=True)
    )
    expected = torch.stack(
        [binding.adder_conv(a, b, WINDOW, "plain") for a, b in zip(xs, ws, strict=True)]
    )
    actual = torch.vmap(lambda a, b: binding.adder_conv(a, b, WINDOW, "plain"), in_dims)(x, w)
    torch.testing.assert_close(actual, expected)


def test_batched_gradients_equal_a_loop():
    x, w, _ = tensors()
    y = binding.adder_conv(x, w, WINDOW, "full_precision")
    upstream = torch.randn(3, *y.shape)
    actual = torch.autograd.grad(y, (x, w), upstream, is_grads_batched=True, retain_graph=True)
    for i in range(3):
        expected = torch.autograd.grad(y, (x, w), upstream[i], retain_graph=True)
        torch.testing.assert_close(tuple(t[i] for t in actual), expected, rtol=1e-5, atol=1e-4)


def test_tensors_of_any_strides_are_taken():
    x, w, g = tensors(grad=False)
    strided = x.permute(3, 2, 1, 0).contiguous().permute(3, 2, 1, 0)
    args = (w.flip(0).flip(0), g.expand_as(g), *ATTRIBUTES, "clip")
    op = torch.ops.keras_shiftadd.adder_conv_input_gradient
    torch.testing.assert_close(op(strided, *args), op(x, *args))


def test_tensors_without_contents_give_the_shape():
    x, w = torch.empty(2, 8, 8, 4, device="meta"), torch.empty(9, 2, 2, 3, device="meta")
    assert binding.serves(x, w)
    assert binding.adder_conv(x, w, WINDOW, "plain").shape == (2, 4, 8, 6)


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
        binding.adder_conv(torch.zeros(x), torch.zeros(w), WINDOW, "plain")


def test_an_upstream_gradient_of_another_shape_is_refused():
    x, w, _ = tensors(grad=False)
    with pytest.raises(ValueError, match="`g` must have the shape of the output"):
        torch.ops.keras_shiftadd.adder_conv_kernel_gradient(x, w, x, *ATTRIBUTES, "clip")


def test_a_gradient_of_a_gradient_names_the_portable_form():
    x, w, _ = tensors()
    (dx,) = torch.autograd.grad(
        binding.adder_conv(x, w, WINDOW, "plain").sum(), x, create_graph=True
    )
    with pytest.raises(NotImplementedError, match="KERAS_SHIFTADD_OPS=python"):
        dx.sum().backward()
