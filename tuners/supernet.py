"""Supernet."""

import random
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_shiftadd import ops as shiftadd_ops
from keras_shiftadd.tuners._space.genes import Architecture
from keras_shiftadd.tuners._supernet.block import SupernetBlock
from keras_shiftadd.tuners._supernet.cut_out import cut_out
from keras_shiftadd.tuners._supernet.encoding import COLUMNS, encode
from keras_shiftadd.tuners._supernet.functions import map_rows
from keras_shiftadd.tuners._supernet.shared_weights import Calibrator, SharedWeights, check_sampling
from keras_shiftadd.tuners._supernet.stem import SupernetStem
from keras_shiftadd.tuners.hybrid_space import HybridSpace


@keras.saving.register_keras_serializable(package="keras_shiftadd")
class Supernet(SharedWeights):
    """All networks of a space on one set of weights.

    Which operator, kernel size, width and depth are in use is decided at run time: a compiled
    step serves all sub-networks. Convolution, shift and adder of a place share one kernel; so do
    all widths and kernel sizes, as prefixes and centres of it. Each operator has its own offsets
    and gains of BatchNormalization.

    Train it as any Keras model, with logits and integer or one-hot classes:
    `supernet.compile(optimizer, loss)`, `supernet.fit(x, y)`. Then `select` an architecture,
    `calibrate` its BatchNormalization statistics, and `evaluate` or `predict`; or `cut_out` a
    network of its own. Metrics shown while training are those of the largest sub-network of the
    step.

    Args:
        space: `HybridSpace`.
        weight_sharing: How an adder layer gets its kernel from the shared one: `"transport"`,
            `"gain"`, `"binned"` or `"none"`; see `keras_shiftadd.ops.shared_adder_kernel`.
        sampling: `"sandwich"`: each step trains the largest sub-network, the smallest with random
            operators, and `random_networks` random ones. `"single_path"`: one random sub-network
            a step, as the papers do.
        random_networks: Integer, random sub-networks of a sandwich step.
        distillation: Boolean; in a sandwich step the other sub-networks learn what the largest
            one predicts instead of the classes.
        shared_gradient_scale: Number, norm of the gradient that adder layers pass on to the shared
            kernels; see `keras_shiftadd.ops.shared_adder_kernel`. `None` takes that of the space.
        bins: Integer, bins of `weight_sharing="binned"`.
        seed: Integer, seed of the choice of sub-networks.

    Input shape:
        Tensor `(batch, *space.input_shape)`.

    Output shape:
        Logits `(batch, space.num_classes)` of the selected sub-network. With `training=True`
        `(sub-networks of a step, batch, space.num_classes)`.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    >>> space = keras_shiftadd.tuners.HybridSpace((32, 32, 3), num_classes=10)
    >>> supernet = keras_shiftadd.tuners.Supernet(space)
    >>> supernet.select(space.sample(random.Random(0)))
    >>> supernet.predict(np.zeros((1, 32, 32, 3))).shape
    (1, 10)

    Reference:
        - [You et al., 2022, ShiftAddNAS](https://arxiv.org/abs/2205.08119), section 4.2, for
        sharing between operators.
        - [Yu et al., 2020, BigNAS](https://arxiv.org/abs/2003.11142), section 3, for the sandwich
        rule with in-place distillation.
    """

    def __init__(
        self,
        space: HybridSpace,
        weight_sharing: str = "transport",
        sampling: str = "sandwich",
        random_networks: int = 2,
        distillation: bool = True,
        shared_gradient_scale: float | None = 0.02,
        bins: int = 100,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if weight_sharing not in shiftadd_ops.WEIGHT_SHARINGS:
            raise ValueError(
                f"`weight_sharing` must be one of {shiftadd_ops.WEIGHT_SHARINGS}. "
                f"Received: {weight_sharing!r}"
            )
        check_sampling(sampling, random_networks)
        self.space = space
        self.weight_sharing = weight_sharing
        self.sampling = sampling
        self.random_networks = random_networks
        self.distillation = distillation
        self.shared_gradient_scale = shared_gradient_scale
        self.bins = bins
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        # stage_0/block_0, stage_0/block_1, ...: all blocks of the deepest network.
        self.blocks = [
            SupernetBlock(space, i, j, weight_sharing, bins, shared_gradient_scale)
            for i, depths in enumerate(space.depths)
            for j in range(depths[-1])
        ]
        self.stem = SupernetStem(space)
        self.classifier = keras.layers.Dense(space.num_classes, name="head_classifier")
        self._selected: Architecture | None = None
        self.build((None, *space.input_shape))

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Creates all weights."""
        if self.built:
            return
        parts: list[Any] = [self.stem, *self.blocks]
        for part in parts:
            part.build()
        self.classifier.build((None, self.blocks[-1].width))
        rng = random.Random(0 if self.seed is None else self.seed)
        rows = range(self.table_rows)
        self._random_table = self._table("random", [self.space.sample(rng) for _ in rows])
        smallest = [self.space.extreme(rng, largest=False) for _ in rows]
        self._smallest_table = self._table("smallest", smallest)
        largest = self.space.extreme(rng, largest=True)
        self._largest = [tuple(int(v) for v in row) for row in encode(self.space, largest)]
        positions = len(self.blocks), len(COLUMNS)
        self._choice = self._state("choice", positions, "int32")
        size = sum(part.statistics_size for part in parts)
        self._statistics = self._state("statistics", (2, size), self.variable_dtype)
        calibrator = Calibrator(self)
        # In a function, because Keras would track an attribute: the calibrator holds the supernet.
        self._calibrator = lambda: calibrator
        super().build(input_shape)
        self.select(largest)

    def call(self, x: Any, training: bool | None = None) -> Any:
        """Logits of the selected sub-network, or of those of a training step."""
        kernels = self._kernels()
        if not training:
            statistics = ops.convert_to_tensor(self._statistics)
            return self._run(x, self._choice, kernels, statistics)[0]
        drawn = self._draw()
        # One at a time, so that one sub-network is compiled for all of them.
        logits = map_rows(self._logits, drawn, (x, kernels))
        if self.sampling == "single_path":
            return logits
        largest = self._run(x, self._largest, kernels, None)[0]
        return ops.concatenate([ops.expand_dims(largest, 0), logits])

    def _logits(self, codes: Any, shared: Any) -> Any:
        x, kernels = shared
        return self._run(x, codes, kernels, None)[0]

    def _kernels(self) -> list[Any]:
        return [block.operator_kernels() for block in self.blocks]

    def _run(self, x: Any, codes: Any, kernels: list[Any], statistics: Any) -> tuple[Any, Any]:
        x = ops.cast(x, self.compute_dtype)
        given = None if statistics is None else statistics[:, : self.stem.statistics_size]
        x, moments = self.stem.call(x, given)
        used, start = [moments], self.stem.statistics_size
        for i, block in enumerate(self.blocks):
            if statistics is not None:
                given = statistics[:, start : start + block.statistics_size]
                start += block.statistics_size
            x, moments = block.call(x, codes[i], kernels[i], given)
            used.append(moments)
        logits = self.classifier(ops.mean(x, axis=(1, 2)))
        return logits, ops.concatenate(used, axis=1)

    def batch_statistics(self, x: Any) -> Any:
        """BatchNormalization statistics of the selected sub-network in one batch.

        Args:
            x: Tensor `(batch, *space.input_shape)`.

        Returns:
            Means and variances `(2, channels of all normalisations)`.
        """
        return self._run(x, self._choice, self._kernels(), None)[1]

    def _encode(self, architecture: Architecture) -> np.ndarray:
        return encode(self.space, architecture)

    def cut_out(self) -> keras.Model:
        """Makes a network of its own of the selected sub-network.

        Returns:
            A functional `keras.Model` of plain layers with copies of the weights in use, which
            predicts what the supernet predicts; see `HybridSpace.build`.
        """
        assert self._selected is not None
        return cut_out(self, self._selected)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of this supernet."""
        return {
            **super().get_config(),
            "weight_sharing": self.weight_sharing,
            "shared_gradient_scale": self.shared_gradient_scale,
            "bins": self.bins,
        }
