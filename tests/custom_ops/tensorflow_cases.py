"""Adder convolutions for the tests of the TensorFlow binding."""

import dataclasses

from keras_shiftadd.custom_ops._window import Window
from keras_shiftadd.testing import reference

GRADIENTS = ("full_precision", "plain", "sign")


@dataclasses.dataclass(frozen=True)
class Case:
    """An adder convolution: its window, and the sizes of inputs and kernel."""

    size: tuple[int, int]
    kernel_size: tuple[int, int]
    strides: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    padding: str = "same"
    groups: int = 1
    channels: int = 3
    filters: int = 5
    batch: int = 2

    @property
    def window(self):
        return Window(self.kernel_size, self.strides, self.dilation, self.padding)

    def arrays(self, rng):
        """Inputs, kernel, and an upstream gradient."""
        x = rng.normal(size=(self.batch, *self.size, self.groups * self.channels))
        taps = self.kernel_size[0] * self.kernel_size[1]
        w = rng.normal(size=(taps, self.groups, self.channels, self.filters))
        g = rng.normal(size=reference.adder_conv(x, self.plain(w), **self._options()).shape)
        return tuple(array.astype("float32") for array in (x, w, g))

    def expected(self, x, w, g, gradient):
        """Output, input gradient and kernel gradient in float64."""
        plain = self.plain(w)
        y = reference.adder_conv(x, plain, **self._options())
        dx, dw = reference.adder_conv_gradients(x, plain, g, gradient=gradient, **self._options())
        return y, dx, self.grouped(dw)

    def _options(self):
        return {
            "strides": self.strides,
            "dilation_rate": self.dilation,
            "padding": self.padding,
        }

    def plain(self, w):
        """The kernel as `keras_shiftadd.ops.adder_conv` takes it."""
        filters = self.groups * self.filters
        return w.transpose(0, 2, 1, 3).reshape(*self.kernel_size, self.channels, filters)

    def grouped(self, w):
        """The other way round."""
        return w.reshape(-1, self.channels, self.groups, self.filters).transpose(0, 2, 1, 3)


CASES = [
    Case((9, 8), (3, 3)),
    Case((9, 8), (3, 3), padding="valid", channels=16, filters=16),
    Case((9, 8), (3, 3), strides=(2, 2), channels=7, filters=9),
    Case((9, 8), (3, 3), strides=(2, 1), padding="valid", groups=2),
    Case((9, 8), (3, 3), dilation=(2, 2), groups=3, channels=4, filters=2),
    Case((9, 8), (5, 3), dilation=(1, 3), padding="valid"),
    Case((11, 1), (3, 1), padding="causal", channels=8, filters=17),
    Case((11, 1), (4, 1), strides=(3, 1), dilation=(2, 1), padding="causal"),
    Case((7, 6), (1, 1), channels=33, filters=31),
    Case((7, 6), (1, 1), strides=(2, 3), padding="valid"),
    Case((9, 8), (3, 3), groups=5, channels=1, filters=1),
    Case((9, 8), (3, 3), strides=(2, 2), groups=24, channels=1, filters=2),
    Case((9, 8), (5, 5), padding="valid", groups=9, channels=1, filters=1),
    Case((2, 3), (2, 3), padding="valid", channels=1, filters=1, batch=1),
    Case((1, 1), (3, 3), channels=20, filters=3),
    # one window is a whole row: a dense layer
    Case((1, 1), (1, 1), padding="valid", channels=100, filters=10, batch=7),
]
