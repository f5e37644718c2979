"""PyTorch without Keras: its convolution, and the adder convolution through `torch.cdist`."""

from collections.abc import Iterator

import torch

from kernel_rows.layer import Arrays, Layer
from kernel_rows.timing import Row


def forward_rows(layer: Layer, arrays: Arrays) -> Iterator[Row]:
    """Forward passes, channels first as is PyTorch's default."""
    x = torch.from_numpy(arrays.x).permute(0, 3, 1, 2).contiguous()
    w = _kernel(layer, arrays)
    yield Row("torch_conv", _no_grad(lambda: _conv(layer, x, w)))
    if not layer.depthwise:
        yield Row("torch_cdist", _no_grad(lambda: _cdist_adder(layer, x, w)))


def step_rows(layer: Layer, arrays: Arrays) -> Iterator[Row]:
    """Forward and both gradients of the convolution."""
    x = torch.from_numpy(arrays.x).permute(0, 3, 1, 2).contiguous()
    g = torch.from_numpy(arrays.g).permute(0, 3, 1, 2).contiguous()
    w = _kernel(layer, arrays)

    def run() -> None:
        inputs = [x.detach().requires_grad_(), w.detach().requires_grad_()]
        torch.autograd.grad(_conv(layer, *inputs), inputs, g)

    yield Row("torch_conv", run)


def _kernel(layer: Layer, arrays: Arrays) -> torch.Tensor:
    axes = (2, 3, 0, 1) if layer.depthwise else (3, 2, 0, 1)
    return torch.from_numpy(arrays.w).permute(axes).contiguous()


def _conv(layer: Layer, x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.conv2d(
        x, w, stride=layer.stride, padding=layer.padding[1], groups=layer.groups
    )


def _cdist_adder(layer: Layer, x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    patches = torch.nn.functional.unfold(
        x, layer.kernel, padding=layer.padding[1], stride=layer.stride
    )
    distances = torch.cdist(patches.transpose(1, 2), w.reshape(layer.filters, -1), p=1.0)
    size = layer.out_size
    return -distances.transpose(1, 2).reshape(len(x), layer.filters, size, size)


def _no_grad(run: object) -> object:
    return torch.no_grad()(run)
