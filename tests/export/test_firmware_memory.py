"""What lies where while generated C runs: nothing that is still to be read is overwritten."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_shiftadd.export._c.memory import plan_memory
from keras_shiftadd.export._integer import operators as ops
from keras_shiftadd.export._integer.model import IntegerModel, Tensor
from keras_shiftadd.export._quantization import Quantization

pytestmark = pytest.mark.once
NUMBERS = ops.Requantization(np.ones(1, np.int32), np.ones(1, np.int32), 0)
IN_PLACE = (ops.Add, ops.Lookup)


@st.composite
def networks(draw):
    """Chains and branches of operators that copy, overwrite, reshape and join, with scratch."""
    tensors = [Tensor("input", (draw(st.integers(1, 40)),), Quantization(1.0, 0))]
    operators = []
    for step in range(draw(st.integers(1, 12))):
        first = draw(st.integers(0, len(tensors) - 1))
        size, output, name = tensors[first].size, len(tensors), f"operator_{step}"
        kind = draw(st.sampled_from(["lookup", "reshape", "add", "concatenate", "mean"]))
        if kind == "lookup":
            made = ops.Lookup(name, "relu", (first,), output, np.zeros(256, np.int8))
        elif kind == "reshape":
            made = ops.Reshape(name, (first,), output)
        elif kind == "add":
            equal = [i for i, tensor in enumerate(tensors) if tensor.size == size]
            second, ones = draw(st.sampled_from(equal)), np.ones(2, np.int32)
            made = ops.Add(name, (first, second), output, 20, ones, ones, NUMBERS)
        elif kind == "concatenate":
            second = draw(st.integers(0, len(tensors) - 1))
            made, size = ops.Concatenate(name, (first, second), output), size + tensors[second].size
        else:
            made, size = ops.Mean(name, (first,), output, NUMBERS), draw(st.integers(1, 40))
        tensors.append(Tensor(f"tensor_{output}", (size,), Quantization(1.0, 0)))
        operators.append(made)
    model = IntegerModel("network", tuple(tensors), tuple(operators), 0, len(tensors) - 1)
    scratch = draw(st.lists(st.integers(0, 30), min_size=len(operators), max_size=len(operators)))
    for step, operator in enumerate(operators):
        if isinstance(operator, ops.Reshape):
            scratch[step] = 0
    return model, scratch


@settings(deadline=None, max_examples=300)
@given(networks())
def test_every_operator_reads_what_was_written(case):
    model, scratch = case
    plan = plan_memory(model, scratch)
    output_size = model.tensors[model.output].size
    regions = {
        "input": np.full(model.tensors[0].size, 0),
        "output": np.full(output_size, -1),
        "arena": np.full(plan.arena_bytes, -1),
    }
    # Each byte holds the number of the tensor whose content it is; a reshape changes nothing.
    content = {0: 0}

    def bytes_of(tensor):
        place = plan.tensors[tensor]
        return regions[place.region][place.offset : place.offset + model.tensors[tensor].size]

    for step, operator in enumerate(model.operators):
        for source in operator.inputs:
            here = bytes_of(source)
            assert len(here) == model.tensors[source].size
            assert (here == content[source]).all()
        if isinstance(operator, ops.Reshape):
            content[operator.output] = content[operator.inputs[0]]
            continue
        made = bytes_of(operator.output)
        if not isinstance(operator, IN_PLACE):
            for source in operator.inputs:
                assert not np.shares_memory(made, bytes_of(source))
        if plan.scratch[step] is not None:
            here = regions["arena"][plan.scratch[step] : plan.scratch[step] + scratch[step]]
            assert len(here) == scratch[step]
            assert not np.shares_memory(here, made)
            here[:] = -2
            for source in operator.inputs:
                assert (bytes_of(source) == content[source]).all()
        assert plan.tensors[operator.output].region != "input"
        made[:] = operator.output
        content[operator.output] = operator.output
    assert (bytes_of(model.output) == content[model.output]).all()
