"""The lightweight convolution of a block of a supernet: all operators on one set of weights."""

from typing import TYPE_CHECKING, Any

from keras import ops

from keras_shiftadd import ops as shiftadd_ops
from keras_shiftadd.layers._adder_kernel import adder_initializer
from keras_shiftadd.layers._lightweight_kernel import LIGHTWEIGHT_OPERATORS
from keras_shiftadd.ops._depthwise import depthwise_conv
from keras_shiftadd.tuners._space.networks import BATCH_NORM_EPSILON
from keras_shiftadd.tuners._translation import functions
from keras_shiftadd.tuners._translation.encoding import COLUMNS
from keras_shiftadd.tuners._translation.weights import Weights

if TYPE_CHECKING:
    from keras_shiftadd.tuners.translation_space import TranslationSpace

_ADDERS = ("adder", "shift_adder")
# Norm of the gradient of adder kernels, as in `HybridLightweightConv1D`.
_GRADIENT_SCALE = 0.2


class SharedConvolution(Weights):
    """A `HybridLightweightConv1D` of which a prefix of the heads and of the channels is in use.

    All operators share the projections. `"conv"`, `"shift"` and the first stage of
    `"shift_adder"` share a kernel; so do `"adder"` and the second stage. Adder kernels are of
    another scale, and no more than a few numbers a head. Each of the two with an adder has a
    normalisation of its own.

    Args:
        space: the space.
        kinds: operators that blocks of this place may have.
        causal: whether a token sees those up to its own position only.
    """

    def __init__(self, space: "TranslationSpace", kinds: list[str], causal: bool) -> None:
        super().__init__(name="convolution")
        self.kinds = tuple(kind for kind in LIGHTWEIGHT_OPERATORS if kind in kinds)
        self.heads = space.num_heads[-1]
        self.width = space.embedding_dims[-1]
        self.kernel_size = space.kernel_size
        self.weight_bits = space.weight_bits
        self.causal = causal
        self.adders = tuple(kind for kind in _ADDERS if kind in self.kinds)

    @property
    def statistics_size(self) -> int:
        """Channels of the normalisation behind adders."""
        return self.width if self.adders else 0

    def build(self, *shapes: Any) -> None:
        """Creates the weights at full width."""
        self.add_linear("value", self.width, self.width)
        self.add_linear("gate", self.width, self.width)
        self.add_linear("output", self.width, self.width)
        shape = (self.kernel_size, self.heads)
        self.kernel = self._weight("kernel", shape, "glorot_uniform")
        if self.adders:
            self.adder_kernel = self._weight("adder_kernel", shape, adder_initializer())
        for kind in self.adders:
            self.add_norm(kind, self.width)
        self.built = True

    def call(self, x: Any, code: Any, mask: Any, shifts: Any, statistics: Any) -> tuple[Any, Any]:
        """Convolves, and returns the output and the statistics of the normalisation."""
        width, heads = code[COLUMNS.part_width], code[COLUMNS.part_heads]
        kind = code[COLUMNS.convolution] - 1
        used = functions.prefix(self.width, width, x.dtype)

        def project(place: str, inputs: Any) -> Any:
            outputs = functions.linear(inputs, *self.linear(place), shifts, self.weight_bits)
            return outputs * used

        x = x * used
        y = project("value", x) * ops.sigmoid(project("gate", x))
        y = y * ops.cast(ops.expand_dims(mask, -1), y.dtype)
        # The head that each channel belongs to.
        group = ops.floor_divide(ops.arange(self.width, dtype="int32") * heads, width)
        group = ops.minimum(group, self.heads - 1)
        found = ops.zeros((2, self.statistics_size), dtype=x.dtype)
        first = self._multiply(y, kind, group)
        if self.adders:
            # The stage before the adder is the identity where there is none.
            after = ops.where(self._is(kind, "adder"), y, first)
            summed = self._add(after, group)
            second, found = self._normalized(summed, kind, mask, statistics)
            added = ops.logical_or(self._is(kind, "adder"), self._is(kind, "shift_adder"))
            first = ops.where(added, second * used, first)
        return project("output", first), found

    def _is(self, kind: Any, operator: str) -> Any:
        return ops.equal(kind, LIGHTWEIGHT_OPERATORS.index(operator))

    def _multiply(self, x: Any, kind: Any, group: Any) -> Any:
        """The depthwise convolution of all but `"adder"`."""
        kernel = ops.softmax(ops.cast(functions.plain(self.kernel), "float32"), axis=0)
        if {"shift", "shift_adder"} & set(self.kinds):
            rounded = shiftadd_ops.round_to_power_of_two(kernel, self.weight_bits)
            kernel = ops.where(self._is(kind, "conv"), kernel, rounded)
        kernel = ops.cast(ops.take(kernel, group, axis=1), x.dtype)
        return depthwise_conv(self._padded(x), kernel[:, :, None])

    def _add(self, x: Any, group: Any) -> Any:
        kernel = functions.plain(self.adder_kernel)
        kernel = shiftadd_ops.normalize_gradient(kernel, _GRADIENT_SCALE)
        kernel = ops.cast(ops.take(kernel, group, axis=1), x.dtype)[:, :, None]
        return shiftadd_ops.adder_depthwise_conv(
            self._padded(x), kernel, data_format="channels_last"
        )

    def _normalized(self, x: Any, kind: Any, mask: Any, statistics: Any) -> tuple[Any, Any]:
        gamma, beta = map(functions.plain, self.norm(self.adders[0]))
        if len(self.adders) > 1:
            second = self._is(kind, self.adders[1])
            others = map(functions.plain, self.norm(self.adders[1]))
            gamma, beta = (
                ops.where(second, other, own)
                for other, own in zip(others, (gamma, beta), strict=True)
            )
        return functions.batch_norm(x, gamma, beta, statistics, mask, BATCH_NORM_EPSILON)

    def _padded(self, x: Any) -> Any:
        total = self.kernel_size - 1
        before = total if self.causal else total // 2
        return ops.pad(x, [(0, 0), (before, total - before), (0, 0)])
