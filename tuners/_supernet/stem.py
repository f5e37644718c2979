"""The stem of a supernet: the same for all sub-networks."""

import math
from typing import TYPE_CHECKING, Any

import keras
from keras import ops

from keras_shiftadd.tuners._supernet.functions import normalize

if TYPE_CHECKING:
    from keras_shiftadd.tuners.hybrid_space import HybridSpace


class SupernetStem(keras.layers.Layer):
    """The convolutions before the first block. Returns their output and the statistics used."""

    def __init__(self, space: "HybridSpace", **kwargs: Any) -> None:
        super().__init__(name="stem", **kwargs)
        self.rank = space.rank
        self.window = space.options.window(3)
        self.width = space.stem_width
        strides = (2, 2) if space.stem_stride == 4 else (space.stem_stride,)
        self.strides = [space.options.window(stride) for stride in strides]
        self.channels = space.input_shape[-1]
        self.statistics_size = self.width * len(self.strides)

    def build(self, *shapes: Any) -> None:
        """Creates the weights."""
        self.kernels: list[Any] = []
        self.gammas: list[Any] = []
        self.betas: list[Any] = []
        channels = self.channels
        for i in range(len(self.strides)):
            deviation = math.sqrt(2.0 / (math.prod(self.window) * channels))
            for name, shape, initializer, weights in (
                (
                    "kernel",
                    (*self.window, channels, self.width),
                    keras.initializers.RandomNormal(stddev=deviation),
                    self.kernels,
                ),
                ("gamma", (self.width,), "ones", self.gammas),
                ("beta", (self.width,), "zeros", self.betas),
            ):
                weights.append(
                    self.add_weight(
                        name=f"{name}_{i}", shape=shape, initializer=initializer, autocast=False
                    )
                )
            channels = self.width
        self.built = True

    def call(self, x: Any, statistics: Any = None) -> tuple[Any, Any]:
        """Runs the stem, by the statistics given or those of the batch."""
        if self.rank == 1:
            x = ops.expand_dims(x, 2)
        used = []
        for i, stride in enumerate(self.strides):
            kernel = ops.cast(ops.convert_to_tensor(self.kernels[i]), x.dtype)
            x = ops.conv(x, kernel, strides=stride, padding="same", data_format="channels_last")
            given = None
            if statistics is not None:
                part = statistics[:, i * self.width : (i + 1) * self.width]
                given = (part[0], part[1])
            x, found = normalize(
                x,
                ops.convert_to_tensor(self.gammas[i]),
                ops.convert_to_tensor(self.betas[i]),
                given,
            )
            x = ops.relu(x)
            used.append(ops.stack(found))
        return x, ops.concatenate(used, axis=1)
