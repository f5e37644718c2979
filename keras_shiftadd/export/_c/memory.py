"""Where the tensors of an int8 network lie while it runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from keras_shiftadd.export._c.arena import Buffer, place_buffers
from keras_shiftadd.export._integer.model import IntegerModel
from keras_shiftadd.export._integer.operators import (
    Add,
    AddConstant,
    Lookup,
    Multiply,
    Operator,
    Reshape,
    Softmax,
)


@dataclass(frozen=True)
class Place:
    """Where a tensor lies: in what the caller passes as input or output, or in the arena."""

    region: Literal["input", "output", "arena"]
    offset: int = 0


@dataclass(frozen=True)
class PlacedBuffer:
    """A buffer of the arena with its offset."""

    buffer: Buffer
    offset: int


@dataclass(frozen=True)
class MemoryPlan:
    """Where everything lies.

    Args:
        tensors: A place for each tensor of the model.
        scratch: For each operator the offset of its scratch memory in the arena, or None.
        buffers: What is in the arena, tensors and scratch memory.
        arena_bytes: Size of the arena.
    """

    tensors: tuple[Place, ...]
    scratch: tuple[int | None, ...]
    buffers: tuple[PlacedBuffer, ...]
    arena_bytes: int


def plan_memory(model: IntegerModel, scratch_bytes: Sequence[int]) -> MemoryPlan:
    """Shares one arena among the activations and the scratch memory of all operators.

    The input is read where the caller has it, and the output written to where the caller wants
    it. Reshaped tensors are the tensors themselves; operators that may work in place do so where
    nothing reads their input afterwards.

    Args:
        model: The network.
        scratch_bytes: Scratch memory of each operator.

    Returns:
        A `MemoryPlan`.
    """
    roots = memory_roots(model)
    tensors = activation_buffers(model, roots)
    scratch = {
        i: Buffer(f"scratch of {operator.name}", size, i, i)
        for i, (operator, size) in enumerate(zip(model.operators, scratch_bytes, strict=True))
        if size
    }
    buffers = [*tensors.values(), *scratch.values()]
    offsets, arena_bytes = place_buffers(buffers)
    tensor_offsets = dict(zip(tensors, offsets, strict=False))
    scratch_offsets = dict(zip(scratch, offsets[len(tensors) :], strict=True))

    def place(root: int) -> Place:
        if root == roots[model.input]:
            return Place("input")
        if root == roots[model.output]:
            return Place("output")
        return Place("arena", tensor_offsets[root])

    placed = sorted(
        (PlacedBuffer(b, at) for b, at in zip(buffers, offsets, strict=True)),
        key=lambda item: (item.buffer.first, item.offset),
    )
    return MemoryPlan(
        tuple(place(root) for root in roots),
        tuple(scratch_offsets.get(i) for i in range(len(model.operators))),
        tuple(placed),
        arena_bytes,
    )


def memory_roots(model: IntegerModel) -> list[int]:
    """For each tensor the one whose memory it shares."""
    roots = list(range(len(model.tensors)))
    for operator in model.operators:
        if isinstance(operator, Reshape):
            roots[operator.output] = roots[operator.inputs[0]]
    output = roots[model.output]
    for step, operator in enumerate(model.operators):
        made = roots[operator.output]
        for source in _overwritable(operator):
            root = roots[source]
            if (
                made not in (output, root)
                and root not in (roots[model.input], output)
                and model.tensors[source].size == model.tensors[operator.output].size
                and _last_read(model, roots, root) == step
            ):
                roots = [root if other == made else other for other in roots]
                break
    return roots


def activation_buffers(model: IntegerModel, roots: Sequence[int]) -> dict[int, Buffer]:
    """The buffers of the arena that hold tensors, by the tensor whose memory it is."""
    buffers = {}
    for step, operator in enumerate(model.operators):
        root = roots[operator.output]
        if root in (roots[model.input], roots[model.output]) or root in buffers:
            continue
        tensor = model.tensors[root]
        last = max(step, _last_read(model, roots, root))
        buffers[root] = Buffer(tensor.name, tensor.size, step, last)
    return buffers


def _overwritable(operator: Operator) -> tuple[int, ...]:
    """The inputs that an operator may write its output over."""
    match operator:
        case Add() | AddConstant() | Lookup() | Softmax():
            return operator.inputs
        case Multiply():
            return operator.inputs[:1]
    return ()


def _last_read(model: IntegerModel, roots: Sequence[int], root: int) -> int:
    """The last operator that reads the memory of a tensor; that of a reshape counts too."""
    return max(
        (
            step
            for step, operator in enumerate(model.operators)
            if any(roots[source] == root for source in operator.inputs)
        ),
        default=-1,
    )
