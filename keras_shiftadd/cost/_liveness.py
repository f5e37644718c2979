"""Which activations are in memory while a layer runs."""

from collections.abc import Sequence
from typing import NamedTuple

from keras_shiftadd.cost._trace import Trace
from keras_shiftadd.cost._work import Output, Phase, Work


class Live(NamedTuple):
    """Elements in memory while a call runs, and while its multiplicative twin would run."""

    elements: int
    twin_elements: int


def live_elements(trace: Trace, works: Sequence[Work]) -> list[Live]:
    """Elements that are in memory during each call of a model.

    A tensor is in memory from the call that writes it to the last one that reads it; inputs from
    the start, outputs to the end. Calls run in the order of the trace.

    Args:
        trace: the calls and their tensors.
        works: what the counting rules say about each call.

    Returns:
        A `Live` a call.
    """
    root = _roots(trace, works)
    last_read = _last_reads(trace, root)
    live = {root[tensor]: trace.elements[tensor] for tensor in trace.inputs}
    result = []
    for i, (call, work) in enumerate(zip(trace.calls, works, strict=True)):
        ending = {root[x] for x in call.reads if last_read.get(root[x], -1) == i}
        written = [root[x] for x in call.writes if root[x] not in live]
        new = {tensor: trace.elements[tensor] for tensor in written}
        if work.output in (Output.MERGE, Output.FOLD) and len(written) == 1:
            for tensor in ending:
                if live.get(tensor) == new[written[0]]:
                    # The output takes the place of this input.
                    del live[tensor]
                    ending = ending - {tensor}
                    live.update(new)
                    new = {}
                    break
        inputs = sum(live.get(tensor, 0) for tensor in ending)
        others, outputs = sum(live.values()) - inputs, sum(new.values())
        result.append(
            Live(
                others + _peak(work.phases, inputs, outputs),
                others + _peak(work.twin_phases or work.phases, inputs, outputs),
            )
        )
        live.update(new)
        live = {x: size for x, size in live.items() if last_read.get(x, -1) > i}
    return result


def _roots(trace: Trace, works: Sequence[Work]) -> list[int]:
    """For each tensor the one whose memory it shares because it is a view of it."""
    root = list(range(len(trace.elements)))
    for call, work in zip(trace.calls, works, strict=True):
        if work.output is Output.VIEW and call.reads and len(call.writes) == 1:
            root[call.writes[0]] = root[call.reads[0]]
    return root


def _last_reads(trace: Trace, root: Sequence[int]) -> dict[int, int]:
    """The last call that reads a tensor, by root; outputs are read after the last call."""
    last = {root[x]: i for i, call in enumerate(trace.calls) for x in call.reads}
    return last | {root[x]: len(trace.calls) for x in trace.outputs}


def _peak(phases: Sequence[Phase], inputs: int, outputs: int) -> int:
    return max(phase.inputs * inputs + phase.inner + phase.output * outputs for phase in phases)
