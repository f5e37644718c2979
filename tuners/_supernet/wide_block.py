"""The convolutions around a block of a supernet: the wide networks of an augmentation."""

import math
from typing import TYPE_CHECKING, Any

import keras
from keras import ops

from keras_shiftadd.tuners._space.widening import times, wide_hidden
from keras_shiftadd.tuners._supernet.block import SupernetBlock
from keras_shiftadd.tuners._supernet.encoding import COLUMNS
from keras_shiftadd.tuners._supernet.functions import (
    centre_mask,
    convolve,
    depthwise,
    normalize,
    plain,
    pointwise,
    prefix_mask,
)

if TYPE_CHECKING:
    from keras_shiftadd.tuners.augmentation_space import AugmentationSpace


class WideBlock(keras.layers.Layer):
    """A block of convolutions with more channels than any tiny network has at its place.

    Its kernels are those of the block of the supernet, with rows for the extra inputs and columns
    for the extra outputs. Normalisation is its own, by the statistics of the batch. Called with
    `(x, code)`: the input at full width and the integers of `encode`.

    Args:
        block: the block of the supernet.
        space: the space of the supernet.
        stage: number of the stage.
        in_width: channels of the input of the widest network.
    """

    def __init__(
        self,
        block: SupernetBlock,
        space: "AugmentationSpace",
        stage: int,
        in_width: int,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=f"{block.name}_wide", **kwargs)
        # In a function, because Keras would track the block a second time.
        self._block = lambda: block
        self.in_width = in_width
        self.width = times(space.widths[stage][-1], space.width_multiples[-1])
        expansion = space.expansions[0 if space.block == "bottleneck" else -1]
        self.hidden_width = wide_hidden(
            space.block, in_width, self.width, expansion, space.expansion_multiples[-1]
        )

    def build(self, *shapes: Any) -> None:
        """Creates the weights of the extra channels."""
        block = self._block()
        inner, width = self.hidden_width, self.width
        (first, _), (middle, _), (last, _) = block.places
        window = block.options.window(block.kernel_sizes[-1])
        spatial = (inner, 1) if block.block == "inverted_residual" else (inner, inner)
        shapes_of = {
            first: (1, 1, self.in_width, inner),
            middle: (*window, *spatial),
            last: (1, 1, inner, width),
        }
        self.extras: dict[str, Any] = {}
        self.norms: dict[str, tuple[Any, Any]] = {}
        for name, shape in shapes_of.items():
            inputs = math.prod(shape[:-1]) // (inner if shape[-1] == 1 else 1)
            self.extras[name] = self._weight(
                f"{name}_extra_kernel",
                shape,
                keras.initializers.RandomNormal(stddev=math.sqrt(2.0 / inputs)),
            )
            size = width if name == last else inner
            self.norms[name] = (
                self._weight(f"{name}_gamma", (size,), "ones"),
                self._weight(f"{name}_beta", (size,), "zeros"),
            )
        self.built = True

    def _weight(self, name: str, shape: tuple[int, ...], initializer: Any) -> Any:
        return self.add_weight(name=name, shape=shape, initializer=initializer, autocast=False)

    def call(self, x: Any, code: Any) -> Any:
        """Runs the block, or hands its input on where the wide network does not have it."""
        block = self._block()
        first, middle, last = (name for name, _ in block.places)
        hidden, width = code[COLUMNS.hidden_width], code[COLUMNS.width]
        y = self._normalized(pointwise(x, self._kernel(first)), first, hidden, relu=True)
        kernel = self._kernel(middle)
        sizes = [block.options.window(size) for size in block.kernel_sizes]
        if len(sizes) > 1:
            masks = ops.stack([centre_mask(sizes[-1], size) for size in sizes])
            kernel = kernel * ops.take(masks, code[COLUMNS.kernel_size], axis=0)
        run = depthwise if block.block == "inverted_residual" else convolve
        y = self._normalized(run(y, kernel, block.stride), middle, hidden, relu=True)
        y = self._normalized(pointwise(y, self._kernel(last)), last, width, relu=False)
        if block.residual:
            y = x + y * ops.cast(code[COLUMNS.branch] > 0, y.dtype)
        return ops.relu(y) if block.block == "bottleneck" else y

    def _kernel(self, name: str) -> Any:
        """The kernel of the supernet in the corner of that of the extra channels."""
        own = plain(self._block().kernels[name]["kernel"])
        extra = ops.convert_to_tensor(self.extras[name])
        rows, columns = own.shape[-2:]
        if columns < extra.shape[-1]:
            own = ops.concatenate([own, extra[:, :, :rows, columns:]], axis=-1)
        if rows < extra.shape[-2]:
            own = ops.concatenate([own, extra[:, :, rows:]], axis=-2)
        return own

    def _normalized(self, x: Any, name: str, used: Any, relu: bool) -> Any:
        gamma, beta = (ops.convert_to_tensor(v) for v in self.norms[name])
        y, _ = normalize(x, gamma, beta, None)
        if relu:
            y = ops.relu(y)
        # After the offset: channels that are not in use must not leave a trace.
        return y * ops.cast(prefix_mask(gamma.shape[0], used), y.dtype)
