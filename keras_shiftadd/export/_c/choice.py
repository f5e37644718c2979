"""Chooses a kernel for each convolution of a network."""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import NamedTuple

from keras_shiftadd.export._c.arena import bytes_in_step
from keras_shiftadd.export._c.figures import Figures
from keras_shiftadd.export._c.kernels import CMSIS_NN, KERNELS, Kernel
from keras_shiftadd.export._c.memory import activation_buffers, memory_roots, plan_memory
from keras_shiftadd.export._integer.model import IntegerModel
from keras_shiftadd.export._integer.operators import Convolution


@dataclass(frozen=True)
class Choice:
    """The kernel of a convolution.

    Args:
        kernel: The kernel.
        instructions: How many it is estimated to execute.
        reason: Why it was chosen, in words.
    """

    kernel: Kernel
    instructions: float
    reason: str


def choose_kernels(
    model: IntegerModel,
    figures: Figures,
    arena_limit: int | None = None,
    excluded: Set[tuple[int, str]] = frozenset(),
    cmsis_nn: bool = False,
) -> list[Choice | None]:
    """For each convolution the kernel that takes the fewest instructions and leaves memory enough.

    Args:
        model: The network.
        figures: What is known of the kernels on the processor.
        arena_limit: Bytes that activations and scratch memory may take. Where no choice keeps
            that, the kernels are those that need the least scratch memory.
        excluded: Kernels that an operator may not take, by its position, as they need too much
            flash.
        cmsis_nn: Whether convolutions run on CMSIS-NN where it computes them.

    Returns:
        A `Choice` an operator; None where it is no convolution.
    """
    candidates = [
        _Candidates(found, [c for c in found if (i, c.kernel.name) not in excluded])
        for i in range(len(model.operators))
        for found in [_candidates(model, i, figures, cmsis_nn)]
    ]
    if arena_limit is None:
        return [_chosen(kinds, None) for kinds in candidates]
    roots = memory_roots(model)
    buffers = list(activation_buffers(model, roots).values())
    free = [arena_limit - bytes_in_step(buffers, i) for i in range(len(model.operators))]
    # Buffers cannot always be placed without gaps: the largest scratch memory gives way first.
    while True:
        choices = [_chosen(*pair) for pair in zip(candidates, free, strict=True)]
        scratch = [scratch_bytes(model, i, choices) for i in range(len(choices))]
        if plan_memory(model, scratch).arena_bytes <= arena_limit:
            return choices
        movable = [i for i in range(len(choices)) if scratch[i] > candidates[i].least_scratch]
        if not movable:
            return choices
        largest = max(movable, key=lambda i: scratch[i])
        free[largest] = scratch[largest] - 1


def smaller_kernel(
    model: IntegerModel,
    figures: Figures,
    choices: Sequence[Choice | None],
    excluded: Set[tuple[int, str]],
    cmsis_nn: bool = False,
) -> tuple[int, str] | None:
    """The kernel to exclude next, so that the network needs less flash.

    Of all layers the one whose next kernel costs the fewest instructions for each byte of weights
    that it saves.

    Returns:
        The position of the operator and the name of its kernel; None where nothing saves flash.
    """
    best: tuple[float, int, str] | None = None
    for i, (operator, choice) in enumerate(zip(model.operators, choices, strict=True)):
        if choice is None or not isinstance(operator, Convolution):
            continue
        source = model.tensors[operator.inputs[0]]
        size = choice.kernel.pack(operator, source).size
        for other in _candidates(model, i, figures, cmsis_nn):
            if (i, other.kernel.name) in excluded:
                continue
            saved = size - other.kernel.pack(operator, source).size
            if saved > 0:
                cost = (other.instructions - choice.instructions) / saved
                if best is None or cost < best[0]:
                    best = (cost, i, choice.kernel.name)
    return None if best is None else best[1:]


def scratch_bytes(model: IntegerModel, i: int, choices: Sequence[Choice | None]) -> int:
    """Scratch memory of operator `i`."""
    choice, operator = choices[i], model.operators[i]
    if choice is None or not isinstance(operator, Convolution):
        return 0
    return choice.kernel.scratch_bytes(operator)


class _Candidate(NamedTuple):
    kernel: Kernel
    instructions: float
    scratch: int


class _Candidates(NamedTuple):
    """The kernels that compute an operator, and those of them that it may take, the best first."""

    all: list[_Candidate]
    allowed: list[_Candidate]

    @property
    def least_scratch(self) -> int:
        return min((candidate.scratch for candidate in self.allowed), default=0)


def _candidates(model: IntegerModel, i: int, figures: Figures, cmsis_nn: bool) -> list[_Candidate]:
    """Kernels that compute an operator, the best first."""
    operator = model.operators[i]
    if not isinstance(operator, Convolution):
        return []
    output = model.tensors[operator.output]
    found = []
    asked = cmsis_nn and CMSIS_NN.takes(operator)
    for kernel in (CMSIS_NN,) if asked else KERNELS.values():
        instructions = figures.estimate(kernel, operator, output)
        if instructions is not None and kernel.takes(operator):
            found.append(_Candidate(kernel, instructions, kernel.scratch_bytes(operator)))
    return sorted(found, key=lambda candidate: candidate[1:])


def _chosen(candidates: _Candidates, free: int | None) -> Choice | None:
    if not candidates.allowed:
        return None
    fitting = [c for c in candidates.allowed if free is None or c.scratch <= free]
    taken = fitting[0] if fitting else min(candidates.allowed, key=lambda c: c.scratch)
    fastest = candidates.all[0]
    if taken.kernel is CMSIS_NN:
        reason = "was asked for"
    elif len(candidates.all) == 1:
        reason = "the only kernel for it"
    elif not fitting:
        reason = "needs the least scratch memory"
    elif taken is fastest:
        second = candidates.all[1]
        times = second.instructions / max(taken.instructions, 1.0)
        reason = f"fewest instructions ({times:.1f} times fewer than {second.kernel.name})"
    else:
        what = "memory" if fastest in candidates.allowed else "flash"
        reason = f"fewest instructions that fit ({fastest.kernel.name} needs more {what})"
    return Choice(taken.kernel, taken.instructions, reason)
