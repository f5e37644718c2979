"""The generated program as data: layers, memory, kernels."""

from collections.abc import Sequence
from dataclasses import dataclass

from keras_shiftadd.export._c import c_text
from keras_shiftadd.export._c.choice import Choice, choose_kernels, smaller_kernel
from keras_shiftadd.export._c.figures import Figures
from keras_shiftadd.export._c.layer import Layer
from keras_shiftadd.export._c.memory import MemoryPlan, plan_memory
from keras_shiftadd.export._c.write_convolution import write_convolution
from keras_shiftadd.export._c.write_simple import write_simple
from keras_shiftadd.export._integer.model import IntegerModel
from keras_shiftadd.export._integer.operators import Convolution, Reshape


@dataclass(frozen=True)
class Program:
    """What is written as C.

    Args:
        model: The network.
        layers: For each operator its `Layer`; None for a reshape, which does nothing.
        choices: For each operator the kernel; None where it is no convolution.
        memory: Where everything lies.
    """

    model: IntegerModel
    layers: tuple[Layer | None, ...]
    choices: tuple[Choice | None, ...]
    memory: MemoryPlan

    @property
    def kernels(self) -> list[str]:
        """The C files that are called, without their ending."""
        names = {name for layer in self.layers if layer is not None for name in layer.kernels}
        return sorted(names)

    @property
    def constant_bytes(self) -> int:
        """Bytes of weights, tables and parameters in flash."""
        return sum(la.constant_bytes + la.struct_bytes for la in self.layers if la is not None)

    def code_bytes(self, figures: Figures) -> int:
        """Bytes of machine code, from measured sizes."""
        parts = {name: size for k in self.kernels for name, size in figures.code[k].items()}
        layers = sum(layer is not None for layer in self.layers)
        return sum(parts.values()) + layers * figures.layer_code


def make_program(
    model: IntegerModel,
    figures: Figures,
    arena_limit: int | None = None,
    flash_limit: int | None = None,
    cmsis_nn: bool = False,
) -> Program:
    """Chooses kernels and places memory.

    Args:
        model: A network that keeps the rules.
        figures: What is known of the kernels on the processor.
        arena_limit: Bytes that the arena should take at most.
        flash_limit: Bytes that constants and code should take at most.
        cmsis_nn: Whether convolutions run on CMSIS-NN where it computes them.

    Returns:
        A `Program`, which may take more than the limits where nothing takes less.

    Raises:
        ValueError: A size of the model does not fit into the structs of the kernels.
    """
    excluded: set[tuple[int, str]] = set()
    while True:
        choices = choose_kernels(model, figures, arena_limit, excluded, cmsis_nn)
        layers = _layers(model, choices)
        memory = plan_memory(model, [0 if la is None else la.scratch_bytes for la in layers])
        program = Program(model, tuple(layers), tuple(choices), memory)
        if flash_limit is None:
            return program
        if program.constant_bytes + program.code_bytes(figures) <= flash_limit:
            return program
        larger = smaller_kernel(model, figures, choices, excluded, cmsis_nn)
        if larger is None:
            return program
        excluded.add(larger)


def _layers(model: IntegerModel, choices: Sequence[Choice | None]) -> list[Layer | None]:
    layers: list[Layer | None] = []
    for i, (operator, choice) in enumerate(zip(model.operators, choices, strict=True)):
        name = f"layer_{i:02d}_{c_text.identifier(operator.name)}"
        sources = [model.tensors[index] for index in operator.inputs]
        output = model.tensors[operator.output]
        if isinstance(operator, Reshape):
            layers.append(None)
        elif isinstance(operator, Convolution):
            assert choice is not None  # every convolution has a portable kernel
            layers.append(write_convolution(operator, sources[0], output, choice.kernel, name))
        else:
            layers.append(write_simple(operator, sources, output, name))
    return layers
