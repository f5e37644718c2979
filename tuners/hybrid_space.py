"""HybridSpace."""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

import keras

from keras_shiftadd import ops
from keras_shiftadd.cost import Budget, Cost
from keras_shiftadd.ops._numbers import plain, positive
from keras_shiftadd.tuners._space import networks
from keras_shiftadd.tuners._space.arguments import (
    check_gradient_scale,
    check_input_shape,
    check_operators,
    check_preset,
    check_samples,
    resolutions,
)
from keras_shiftadd.tuners._space.costs import SpaceCosts
from keras_shiftadd.tuners._space.genes import Architecture, Gene, block_name, stage_name
from keras_shiftadd.tuners._space.networks import BlockPlan, LayerOptions
from keras_shiftadd.tuners._space.presets import PRESETS, Preset
from keras_shiftadd.tuners._space.staged import StagedSpace

_PROJECTIONS = ("dense", "shift")


@keras.saving.register_keras_serializable(package="keras_shiftadd")
class HybridSpace(StagedSpace):
    """A space of networks whose blocks choose conv, shift, adder or attention.

    A network is a stem (a convolution), stages of blocks, and a head (pooling and a classifier).
    The first block of a stage strides and changes the number of channels; the others add their
    input to their output. Searched are the width (channels) and depth (blocks) of each stage, and
    the operator, kernel size and expansion of each block. Stem and classifier always multiply.

    An architecture is a plain dictionary, which can be printed, saved as JSON and edited by hand:

    ```python no-run
    {"stages": [
        {"width": 16, "blocks": [{"operator": "conv", "kernel_size": 3, "expansion": 2}]},
        {"width": 32, "blocks": [{"operator": "shift", "kernel_size": 5, "expansion": 4},
                                 {"operator": "attention"}]},
    ]}
    ```

    Args:
        input_shape: `(height, width, channels)` of an image or spectrogram, or
            `(steps, channels)` of a time series.
        num_classes: Integer, number of classes; the network returns logits.
        operators: What a block may choose, out of `"conv"`, `"shift"`, `"adder"`, `"attention"`.
        preset: `"tiny"` (inverted residuals; images of about 32 by 32, spectrograms, time
            series), `"mobile"` (bottlenecks; images from 96 by 96) or `"bossnas"` (the 16-block
            space of ShiftAddNAS: 16 bottlenecks at four resolutions that never increase).
        block: `"inverted_residual"` (expand, depthwise, project) or `"bottleneck"` (reduce,
            spatial convolution, restore). This argument and those below replace a value of the
            preset; `None` keeps it.
        stem_width: Integer, channels of the stem.
        stem_stride: Integer, 1, 2 or 4.
        widths: Choices of the number of channels, a tuple of integers a stage.
        depths: Choices of the number of blocks, a tuple of integers a stage.
        strides: Stride of a stage's first block, 1 or 2, an integer a stage.
        kernel_sizes: Choices of the window of the spatial layer: odd integers from 3.
        expansions: Choices of the ratio of hidden to outer channels. An inverted residual has
            `expansion` times the channels of its input inside, a bottleneck the channels of its
            output divided by `expansion`.
        attention_stages: Integer, how many stages, counted from the last one, may choose
            attention. Blocks that stride never do.
        num_heads: Integer, attention heads.
        key_dim: Integer, channels of a head.
        attention_projection: `"dense"` or `"shift"`, the projections of attention.
        total_depth: Integer, number of blocks of all stages together; `None` leaves it free.
        weight_bits: Integer, bits of shift weights.
        gradient_scale: Number, norm of the gradients of adder kernels; see `AdderConv2D`. `None`
            leaves them as they are.

    Raises:
        ValueError: If an argument is out of its range, or the input is too small for the strides.

    Example:

    >>> space = keras_shiftadd.tuners.HybridSpace((32, 32, 3), num_classes=10)
    >>> architecture = space.sample(random.Random(0))
    >>> model = space.build(architecture)
    >>> model.output_shape
    (None, 10)

    Reference:
        - [You et al., 2022, ShiftAddNAS](https://arxiv.org/abs/2205.08119), section 4.1.
    """

    def __init__(
        self,
        input_shape: tuple[int, ...],
        num_classes: int,
        operators: tuple[str, ...] = ("conv", "shift", "adder"),
        preset: str = "tiny",
        *,
        block: str | None = None,
        stem_width: int | None = None,
        stem_stride: int | None = None,
        widths: tuple[tuple[int, ...], ...] | None = None,
        depths: tuple[tuple[int, ...], ...] | None = None,
        strides: tuple[int, ...] | None = None,
        kernel_sizes: tuple[int, ...] | None = None,
        expansions: tuple[int, ...] | None = None,
        attention_stages: int | None = None,
        num_heads: int | None = None,
        key_dim: int | None = None,
        attention_projection: str = "dense",
        total_depth: int | None = None,
        weight_bits: int = 5,
        gradient_scale: float | None = 0.2,
    ) -> None:
        given = {k: v for k, v in locals().items() if k not in ("self", "__class__")}
        given = keras.tree.map_structure(plain, given)
        self._config = given
        self.input_shape = check_input_shape(input_shape)
        self.rank = len(self.input_shape) - 1
        self.num_classes = positive(num_classes, "num_classes")
        self.operators = check_operators(operators)
        if preset not in PRESETS:
            raise ValueError(f"`preset` must be one of {tuple(PRESETS)}. Received: {preset!r}")
        if attention_projection not in _PROJECTIONS:
            raise ValueError(
                f"`attention_projection` must be one of {_PROJECTIONS}. "
                f"Received: {attention_projection!r}"
            )
        ops.quantized_exponents(weight_bits)  # says what they may be
        self.preset = preset
        names = [field.name for field in fields(Preset)]
        replaced = {name: given[name] for name in names if given[name] is not None}
        if stem_stride is not None:
            replaced["stem_stride"] = (given["stem_stride"],) * 2
        plan = check_preset(replace(PRESETS[preset], **replaced))
        self.block = plan.block
        self.stem_width = plan.stem_width
        self.stem_stride = plan.stem_stride[self.rank - 1]
        self.widths, self.depths, self.strides = plan.widths, plan.depths, plan.strides
        self.kernel_sizes, self.expansions = plan.kernel_sizes, plan.expansions
        self.attention_stages, self.total_depth = plan.attention_stages, plan.total_depth
        self.options = LayerOptions(
            self.rank,
            weight_bits,
            plan.num_heads,
            plan.key_dim,
            attention_projection,
            check_gradient_scale(gradient_scale),
        )
        # Rows and columns behind the stem and behind each stage.
        self.resolutions = resolutions((self.stem_stride, *self.strides), self.input_shape)
        self.genes = self._list_genes()
        self._by_name = {gene.name: gene for gene in self.genes}
        self._costs = SpaceCosts(self)

    def _list_genes(self) -> tuple[Gene, ...]:
        genes = []
        for i, depths in enumerate(self.depths):
            depth = Gene(f"{stage_name(i)}/depth", depths)
            genes += [Gene(f"{stage_name(i)}/width", self.widths[i]), depth]
            for j in range(depths[-1]):
                name = block_name(i, j)
                deep_enough = tuple(d for d in depths if d > j)
                operators = self.block_operators(i, j)
                operator = Gene(f"{name}/operator", operators, depth.name, deep_enough)
                spatial = tuple(o for o in operators if o != "attention")
                expanded = operators if self.block == "bottleneck" else spatial
                genes += [
                    operator,
                    Gene(f"{name}/kernel_size", self.kernel_sizes, operator.name, spatial),
                    Gene(f"{name}/expansion", self.expansions, operator.name, expanded),
                ]
        return tuple(genes)

    def block_operators(self, stage: int, block: int) -> tuple[str, ...]:
        """What a block may choose: attention only late, and only where nothing strides.

        Args:
            stage: Integer, number of the stage, from 0.
            block: Integer, number of the block in its stage, from 0.

        Returns:
            A tuple of operators.
        """
        late = stage >= len(self.strides) - self.attention_stages
        strides = block == 0 and self.strides[stage] > 1
        return tuple(o for o in self.operators if o != "attention" or (late and not strides))

    def plan(self, architecture: Architecture) -> list[BlockPlan]:
        """All blocks of an architecture with their sizes.

        Args:
            architecture: An architecture of this space.

        Returns:
            A list of `BlockPlan`, in the order of execution.
        """
        self.validate(architecture)
        plans = []
        in_width = self.stem_width
        for i, stage in enumerate(architecture["stages"]):
            for j, choice in enumerate(stage["blocks"]):
                plans.append(self.plan_block(i, j, in_width, stage["width"], choice))
                in_width = stage["width"]
        return plans

    def plan_block(
        self, stage: int, block: int, in_width: int, width: int, choice: Mapping[str, Any]
    ) -> BlockPlan:
        """One block with its sizes.

        Args:
            stage: Integer, number of the stage, from 0.
            block: Integer, number of the block in its stage, from 0.
            in_width: Integer, channels of its input.
            width: Integer, channels of its output.
            choice: Operator, kernel size and expansion, as in an architecture.

        Returns:
            A `BlockPlan`.
        """
        hidden = None
        if "expansion" in choice:
            ratio = choice["expansion"]
            hidden = width // ratio if self.block == "bottleneck" else in_width * ratio
        return BlockPlan(
            name=f"stage{stage}_block{block}",
            block=self.block,
            operator=choice["operator"],
            kernel_size=choice.get("kernel_size"),
            in_width=in_width,
            hidden_width=hidden,
            width=width,
            stride=self.strides[stage] if block == 0 else 1,
            residual=block > 0,
        )

    def cost(self, architecture: Architecture, budget: Budget) -> Cost:
        """What an architecture costs.

        Counted from the layers of its parts; a part is built and counted once. Equal to
        `budget.estimate(space.build(architecture))`.

        Args:
            architecture: An architecture of this space.
            budget: `keras_shiftadd.cost.Budget`, which names the hardware and the word length.

        Returns:
            `keras_shiftadd.cost.Cost`.
        """
        return self._costs.of(architecture, budget)

    def build(self, architecture: Architecture) -> keras.Model:
        """Builds the network of an architecture from plain Keras layers and those of this package.

        Args:
            architecture: An architecture of this space.

        Returns:
            A functional `keras.Model`, not compiled; it returns logits.

        Raises:
            ValueError: If it is no architecture of this space.
        """
        plans = self.plan(architecture)
        inputs = keras.Input(self.input_shape, name="input")
        x = self.build_stem(inputs, self.options)
        for plan in plans:
            x = networks.block(x, plan, self.options)
        return keras.Model(inputs, networks.head(x, self.num_classes, self.options), name="hybrid")

    def build_stem(self, inputs: Any, options: LayerOptions) -> Any:
        """Applies the stem to an input; series become images of one column.

        Args:
            inputs: Keras tensor of `input_shape`.
            options: `LayerOptions`.

        Returns:
            Keras tensor of rank 4.
        """
        x = inputs
        if self.rank == 1:
            steps, channels = self.input_shape
            x = keras.layers.Reshape((steps, 1, channels), name="series")(x)
        return networks.stem(x, self.stem_width, self.stem_stride, options)

    def check_inputs(self, x: Any, y: Any) -> None:
        """Checks that arrays of training data fit the networks.

        Args:
            x: Array of inputs.
            y: Array of targets.

        Raises:
            ValueError: If the shape is another one, or an entry is no finite number.
        """
        check_samples(x, self.input_shape)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of this space, as plain Python objects."""
        return dict(self._config)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "HybridSpace":
        """Makes a space from `get_config`'s dictionary."""
        return cls(**config)
