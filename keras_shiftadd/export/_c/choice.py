"""Chooses a kernel for each convolution of a network."""

from collections.abc import Sequence
from dataclasses import dataclass

from keras_shiftadd.export._c.arena import bytes_in_step
from keras_shiftadd.export._c.figures import Figures
from keras_shiftadd.export._c.kernels import KERNELS, Kernel
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
    model: IntegerModel, figures: Figures, arena_limit: int | None = None
) -> list[Choice | None]:
    """For each convolution the kernel that takes the fewest instructions and leaves memory enough.

    Args:
        model: The network.
        figures: What is known of the kernels on the processor.
        arena_limit: Bytes that activations and scratch memory may take. Where no choice keeps
            that, the kernels are those that need the least scratch memory.

    Returns:
        A `Choice` an operator; None where it is no convolution.
    """
    candidates = [_candidates(model, i, figures) for i in range(len(model.operators))]
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
        movable = [i for i in range(len(choices)) if scratch[i] > _least(model, i, candidates[i])]
        if not movable:
            return choices
        largest = max(movable, key=lambda i: scratch[i])
        free[largest] = scratch[largest] - 1


def scratch_bytes(model: IntegerModel, i: int, choices: Sequence[Choice | None]) -> int:
    """Scratch memory of operator `i`."""
    choice, operator = choices[i], model.operators[i]
    if choice is None or not isinstance(operator, Convolution):
        return 0
    return choice.kernel.scratch_bytes(operator)


_Candidate = tuple[Kernel, float, int]


def _candidates(model: IntegerModel, i: int, figures: Figures) -> list[_Candidate]:
    """Kernels that compute an operator, with instructions and scratch memory, the best first."""
    operator = model.operators[i]
    if not isinstance(operator, Convolution):
        return []
    output = model.tensors[operator.output]
    found = []
    for kernel in KERNELS.values():
        instructions = figures.estimate(kernel, operator, output)
        if instructions is not None and kernel.takes(operator):
            found.append((kernel, instructions, kernel.scratch_bytes(operator)))
    return sorted(found, key=lambda candidate: candidate[1:])


def _least(model: IntegerModel, i: int, candidates: Sequence[_Candidate]) -> int:
    return min((scratch for _, _, scratch in candidates), default=0)


def _chosen(candidates: Sequence[_Candidate], free: int | None) -> Choice | None:
    if not candidates:
        return None
    fitting = [c for c in candidates if free is None or c[2] <= free]
    kernel, instructions, _ = fitting[0] if fitting else min(candidates, key=lambda c: c[2])
    if len(candidates) == 1:
        reason = "the only kernel for it"
    elif not fitting:
        reason = "needs the least scratch memory"
    elif kernel is candidates[0][0]:
        times = candidates[1][1] / max(instructions, 1.0)
        reason = f"fewest instructions ({times:.1f} times fewer than {candidates[1][0].name})"
    else:
        reason = f"fewest instructions that fit ({candidates[0][0].name} needs more memory)"
    return Choice(kernel, instructions, reason)
