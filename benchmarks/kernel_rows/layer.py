"""The layers that are measured, and arrays for them."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Layer:
    """A square convolution with padding "same".

    Args:
        size: height and width of the input.
        channels: input channels.
        filters: output channels.
        kernel: height and width of the kernel.
        stride: along both axes.
        depthwise: a kernel a channel, and as many filters as channels.
    """

    size: int
    channels: int
    filters: int
    kernel: int = 3
    stride: int = 1
    depthwise: bool = False

    def __str__(self) -> str:
        kind = "depthwise " if self.depthwise else ""
        step = f", stride {self.stride}" if self.stride > 1 else ""
        shape = f"{self.size}x{self.size}x{self.channels}"
        return f"{kind}{shape} to {self.filters}, {self.kernel}x{self.kernel}{step}"

    @property
    def out_size(self) -> int:
        """Height and width of the output."""
        return -(-self.size // self.stride)

    @property
    def taps(self) -> int:
        """Positions of the kernel."""
        return self.kernel**2

    @property
    def padding(self) -> tuple[int, int]:
        """Rows of padding before and behind, which are also those of columns."""
        total = max((self.out_size - 1) * self.stride + self.kernel - self.size, 0)
        return total // 2, total - total // 2

    @property
    def kernel_shape(self) -> tuple[int, ...]:
        """As Keras has it."""
        last = 1 if self.depthwise else self.filters
        return (self.kernel, self.kernel, self.channels, last)

    @property
    def groups(self) -> int:
        """Groups of channels that do not meet."""
        return self.channels if self.depthwise else 1

    def terms(self, batch: int, padded: bool) -> int:
        """How many pairs of an input element and a kernel element meet."""
        before, _ = self.padding
        along = 0
        for out in range(self.out_size):
            for tap in range(self.kernel):
                along += padded or 0 <= out * self.stride + tap - before < self.size
        return batch * along**2 * self.channels * self.filters // self.groups

    def input_shape(self, batch: int) -> tuple[int, ...]:
        """Channels last."""
        return (batch, self.size, self.size, self.channels)

    def output_shape(self, batch: int) -> tuple[int, ...]:
        """Channels last."""
        return (batch, self.out_size, self.out_size, self.filters)


LAYERS = {
    "a": Layer(32, 16, 16),
    "b": Layer(16, 64, 64),
    "c": Layer(8, 128, 128),
    "d": Layer(16, 64, 128, kernel=1),
    "depthwise": Layer(16, 64, 64, depthwise=True),
    "strided": Layer(32, 32, 64, stride=2),
}


def aligned(shape: tuple[int, ...] | int, dtype: str) -> np.ndarray:
    """An array that begins on a cache line, as the tensors of the frameworks do."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    memory = np.empty(size + 64, "uint8")
    start = -memory.ctypes.data % 64
    return memory[start : start + size].view(dtype).reshape(shape)


def aligned_copy(array: np.ndarray) -> np.ndarray:
    """A copy that begins on a cache line."""
    copy = aligned(array.shape, str(array.dtype))
    copy[...] = array
    return copy


@dataclass(frozen=True)
class Arrays:
    """Float32 inputs of a layer, from a normal distribution: input, kernel, output gradient."""

    x: np.ndarray
    w: np.ndarray
    g: np.ndarray


def arrays(layer: Layer, batch: int) -> Arrays:
    """The same numbers at every call."""
    rng = np.random.default_rng(0)
    shapes = (layer.input_shape(batch), layer.kernel_shape, layer.output_shape(batch))
    return Arrays(*(aligned_copy(rng.normal(size=s).astype("float32")) for s in shapes))
