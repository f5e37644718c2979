"""The window of a convolution, as the bindings take it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Window:
    """A two-dimensional window; a one-dimensional one has a second axis of size 1.

    Args:
        kernel_size: taps an axis.
        strides: steps an axis.
        dilation: distances between taps, an axis.
        padding: `"valid"`, `"same"` or `"causal"`.
    """

    kernel_size: tuple[int, int]
    strides: tuple[int, int]
    dilation: tuple[int, int]
    padding: str
