"""One position of a supernet: all that a block at this place can be, on one set of weights."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import keras
from keras import ops

from keras_shiftadd import ops as shiftadd_ops
from keras_shiftadd.tuners._supernet.encoding import COLUMNS, branches
from keras_shiftadd.tuners._supernet.functions import (
    centre,
    centre_mask,
    convolve,
    depthwise,
    normalize,
    plain,
    pointwise,
    prefix_mask,
)

if TYPE_CHECKING:
    from keras_shiftadd.tuners.hybrid_space import HybridSpace

# Names of the layers that carry a kernel and a BatchNormalization, in the order of execution, and
# whether the channels that they return are hidden ones.
PLACES = {
    "inverted_residual": (("expand", True), ("depthwise", True), ("project", False)),
    "bottleneck": (("reduce", True), ("spatial", True), ("restore", False)),
}


class SupernetBlock(keras.layers.Layer):
    """All that a block at one position of a supernet can be, on one set of weights.

    Called with `(x, code, statistics)`: the input at full width, the integers of `encode` for this
    position, and the BatchNormalization statistics, or None for those of the batch. Returns the
    output and the statistics that were used, `(2, channels of all normalisations)`.
    """

    def __init__(
        self,
        space: "HybridSpace",
        stage: int,
        block: int,
        weight_sharing: str,
        bins: int,
        shared_gradient_scale: float | None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=f"stage{stage}_block{block}", **kwargs)
        self.options = space.options
        self.operators = space.operators
        self.choices = space.block_operators(stage, block)
        self.kernel_sizes = space.kernel_sizes
        self.block = space.block
        self.branches = branches(self.choices, self.kernel_sizes)
        self.stride = space.strides[stage] if block == 0 else 1
        self.residual = block > 0
        self.always = block < space.depths[stage][0]
        self.width = space.widths[stage][-1]
        before = space.stem_width if stage == 0 else space.widths[stage - 1][-1]
        self.in_width = before if block == 0 else self.width
        if self.block == "bottleneck":
            self.hidden_width = self.width // space.expansions[0]
        else:
            self.hidden_width = self.in_width * space.expansions[-1]
        self.weight_sharing = weight_sharing
        self.bins = bins
        self.shared_gradient_scale = shared_gradient_scale
        self.places = tuple(
            (name, self.hidden_width if hidden else self.width)
            for name, hidden in PLACES[self.block]
        )
        self.statistics_size = sum(size for _, size in self.places)

    # Weights.

    def build(self, *shapes: Any) -> None:
        """Creates the weights at full width."""
        window = self.options.window(self.kernel_sizes[-1])
        (first, inner), (middle, _), (last, _) = self.places
        self.kernels = {
            first: self._add_kernel(first, (1, 1, self.in_width, inner), self.in_width),
            last: self._add_kernel(last, (1, 1, inner, self.width), inner),
        }
        spatial = any(choice != "attention" for choice in self.choices)
        if spatial and self.block == "inverted_residual":
            self.kernels[middle] = self._add_kernel(middle, (*window, inner, 1), math.prod(window))
        elif spatial:
            taps = math.prod(window)
            self.kernels[middle] = self._add_kernel(middle, (*window, inner, inner), taps * inner)
        operators = len(self.operators)
        self.gammas, self.betas = [], []
        for name, size in self.places:
            self.gammas.append(self._weight(f"{name}_gamma", (operators, size), "ones"))
            self.betas.append(self._weight(f"{name}_beta", (operators, size), "zeros"))
        if "attention" in self.choices:
            self._build_attention()
        self.built = True

    def _weight(self, name: str, shape: tuple[int, ...], initializer: Any) -> Any:
        # Rounding and distances are computed in float32 whatever the policy: casts are explicit.
        return self.add_weight(name=name, shape=shape, initializer=initializer, autocast=False)

    def _add_kernel(self, name: str, shape: tuple[int, ...], fan_in: int) -> dict[str, Any]:
        weights = {
            "kernel": self._weight(
                f"{name}_kernel",
                shape,
                keras.initializers.RandomNormal(stddev=math.sqrt(2.0 / fan_in)),
            )
        }
        if "adder" in self.choices and self.weight_sharing != "none":
            if self.weight_sharing == "binned":
                weights["gain"] = self._weight(
                    f"{name}_adder_gain",
                    (self.bins,),
                    keras.initializers.RandomNormal(stddev=1.0),
                )
            else:
                weights["gain"] = self._weight(f"{name}_adder_gain", (), "ones")
                weights["offset"] = self._weight(f"{name}_adder_offset", (), "zeros")
        return weights

    def _build_attention(self) -> None:
        channels, outputs = self._attention_widths()
        inner = self.options.num_heads * self.options.key_dim
        self.attention = {
            "position": self._weight(
                "position_kernel",
                (*self.options.window(3), channels, 1),
                keras.initializers.RandomNormal(stddev=0.1),
            )
        }
        for name, shape in (
            ("query", (channels, inner)),
            ("key", (channels, inner)),
            ("value", (channels, inner)),
            ("output", (inner, outputs)),
        ):
            self.attention[name] = self._weight(f"{name}_kernel", shape, "glorot_uniform")

    def _attention_widths(self) -> tuple[int, int]:
        if self.block == "bottleneck":
            return self.hidden_width, self.hidden_width
        return self.in_width, self.width

    # The run-time choice.

    def operator_kernels(self) -> dict[str, dict[str, Any]]:
        """For each place the kernel of each operator, made once for all runs of a step."""
        result: dict[str, dict[str, Any]] = {}
        for name, weights in self.kernels.items():
            kernel = plain(weights["kernel"])
            result[name] = {"conv": kernel}
            if "shift" in self.choices:
                result[name]["shift"] = shiftadd_ops.round_to_power_of_two(
                    kernel, self.options.weight_bits
                )
            if "adder" in self.choices:
                result[name]["adder"] = shiftadd_ops.shared_adder_kernel(
                    kernel,
                    self.weight_sharing,
                    gain=weights.get("gain"),
                    offset=weights.get("offset"),
                    gradient_scale=self.options.gradient_scale,
                    shared_gradient_scale=self.shared_gradient_scale,
                )
        return result

    def call(
        self, x: Any, code: Any, kernels: dict[str, dict[str, Any]], statistics: Any = None
    ) -> tuple[Any, Any]:
        """Runs the chosen branch."""
        steps = [self._branch(name, x, code, kernels, statistics) for name in self.branches]
        index = code[COLUMNS.branch]
        if isinstance(index, int):
            y, used = steps[index]()
        elif self.always:
            # Never skipped: a branch less to compile, and one that could not return this shape.
            y, used = ops.switch(index - 1, steps[1:])
        else:
            y, used = ops.switch(index, steps)
        if self.residual:
            y = x + y
        return (ops.relu(y) if self.block == "bottleneck" else y), used

    def _branch(
        self, name: str, x: Any, code: Any, kernels: Any, statistics: Any
    ) -> Callable[[], Any]:
        def run() -> tuple[Any, Any]:
            if name == "skip":
                nothing = ops.zeros((2, self.statistics_size), dtype=self.variable_dtype)
                return ops.zeros_like(x), nothing
            work = _Work(self, x, code, kernels, statistics)
            if name == "attention":
                y = work.attention_block()
            else:
                y = work.convolution_block(int(name[5:]) if name.startswith("adder") else None)
            return y, work.used_statistics()

        return run


class _Work:
    """One run of a block."""

    def __init__(
        self, block: SupernetBlock, x: Any, code: Any, kernels: Any, statistics: Any
    ) -> None:
        self.block = block
        self.kernels = kernels
        self.x = x
        self.operator = code[COLUMNS.operator]
        self.kernel_size = code[COLUMNS.kernel_size]
        self.in_width = code[COLUMNS.in_width]
        self.hidden_width = code[COLUMNS.hidden_width]
        self.width = code[COLUMNS.width]
        self.statistics = statistics
        self.used: list[Any] = [None] * len(block.places)

    def used_statistics(self) -> Any:
        """Mean and variance of all normalisations; zero for those that this branch has not."""
        parts = [
            ops.zeros((2, size), dtype=self.block.variable_dtype)
            if used is None
            else ops.stack(used)
            for used, (_, size) in zip(self.used, self.block.places, strict=True)
        ]
        return ops.concatenate(parts, axis=1)

    def convolution_block(self, window: int | None) -> Any:
        """The three convolutions; adder layers where their window is given."""
        first, middle, last = (name for name, _ in self.block.places)
        x = self._normalized(0, self._layer(self.x, first, window, self.in_width), relu=True)
        x = self._normalized(1, self._layer(x, middle, window, self.hidden_width), relu=True)
        return self._normalized(2, self._layer(x, last, window, self.hidden_width), relu=False)

    def attention_block(self) -> Any:
        """Attention, in a bottleneck between two convolutions."""
        if self.block.block == "inverted_residual":
            return self._normalized(2, self._attend(self.x), relu=False)
        (first, _), _, (last, _) = self.block.places
        x = pointwise(self.x, self.kernels[first]["conv"])
        x = self._attend(self._normalized(0, x, relu=True))
        x = pointwise(self._normalized(1, x, relu=True), self.kernels[last]["conv"])
        return self._normalized(2, x, relu=False)

    def _normalized(self, place: int, x: Any, relu: bool) -> Any:
        block = self.block
        given = None
        if self.statistics is not None:
            start = sum(size for _, size in block.places[:place])
            part = self.statistics[:, start : start + block.places[place][1]]
            given = (part[0], part[1])
        gamma = ops.take(block.gammas[place], self.operator, axis=0)
        beta = ops.take(block.betas[place], self.operator, axis=0)
        y, self.used[place] = normalize(x, gamma, beta, given)
        if relu:
            y = ops.relu(y)
        size = block.places[place][1]
        used = self.width if place == len(block.places) - 1 else self.hidden_width
        # After the offset: channels that are not in use must not leave a trace.
        return y * ops.cast(prefix_mask(size, used), y.dtype)

    def _layer(self, x: Any, name: str, window: int | None, in_width: Any) -> Any:
        kernels = self.kernels[name]
        spatial = name in ("depthwise", "spatial")
        if window is not None:
            return self._adder(x, name, kernels["adder"], window if spatial else None, in_width)
        kernel = kernels["conv"]
        if isinstance(self.operator, int):
            kernel = kernels[self.block.operators[self.operator]]
        elif "shift" in kernels:
            is_shift = ops.equal(self.operator, self.block.operators.index("shift"))
            kernel = ops.where(is_shift, kernels["shift"], kernel)
        if not spatial:
            return pointwise(x, kernel)
        sizes = [self.block.options.window(size) for size in self.block.kernel_sizes]
        if len(sizes) > 1:
            masks = ops.stack([centre_mask(sizes[-1], size) for size in sizes])
            mask = ops.take(masks, self.kernel_size, axis=0)
            kernel = kernel * ops.cast(mask, kernel.dtype)
        run = depthwise if name == "depthwise" else convolve
        return run(x, kernel, self.block.stride)

    def _adder(self, x: Any, name: str, kernel: Any, window: int | None, in_width: Any) -> Any:
        options, stride = self.block.options, 1
        if window is not None:
            kernel = centre(kernel, tuple(kernel.shape[:2]), options.window(window))
            stride = self.block.stride
        # The layer's own arithmetic may be of less precision than its kernel.
        kernel = ops.cast(kernel, x.dtype)
        if name == "depthwise":
            return shiftadd_ops.adder_depthwise_conv(x, kernel, stride, "same", "channels_last")
        # A channel that is not in use is zero; its weights must be zero too to add no distance.
        mask = ops.cast(prefix_mask(kernel.shape[2], in_width), kernel.dtype)
        kernel = kernel * ops.reshape(mask, (1, 1, -1, 1))
        return shiftadd_ops.adder_conv(x, kernel, stride, "same", "channels_last")

    def _attend(self, x: Any) -> Any:
        block, options = self.block, self.block.options
        kernels = block.attention
        x = x + depthwise(x, ops.convert_to_tensor(kernels["position"]), 1)
        rows, columns, channels = x.shape[1:]
        tokens = ops.reshape(x, (-1, rows * columns, channels))

        def kernel(name: str) -> Any:
            value = ops.convert_to_tensor(kernels[name])
            if options.projection == "shift":
                value = shiftadd_ops.round_to_power_of_two(value, options.weight_bits)
            return ops.cast(value, x.dtype)

        def heads(inputs: Any) -> Any:
            split = (-1, rows * columns, options.num_heads, options.key_dim)
            return ops.transpose(ops.reshape(inputs, split), (0, 2, 1, 3))

        # One product for all three, so that the tokens are used once; see `normalize`.
        joined = ops.concatenate([kernel(name) for name in ("query", "key", "value")], axis=1)
        queries, keys, values = map(heads, ops.split(ops.matmul(tokens, joined), 3, axis=-1))
        queries = queries * options.key_dim**-0.5
        scores = ops.softmax(ops.matmul(queries, ops.transpose(keys, (0, 1, 3, 2))), axis=-1)
        mixed = ops.transpose(ops.matmul(scores, values), (0, 2, 1, 3))
        mixed = ops.reshape(mixed, (-1, rows * columns, options.num_heads * options.key_dim))
        outputs = kernels["output"].shape[1]
        return ops.reshape(ops.matmul(mixed, kernel("output")), (-1, rows, columns, outputs))
