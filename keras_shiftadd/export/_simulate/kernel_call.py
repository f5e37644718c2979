"""Calls a kernel of custom_ops/micro in the emulator."""

import numpy as np

from keras_shiftadd.export._c.kernels import Kernel
from keras_shiftadd.export._c.parameters import convolution_bytes, convolution_fields
from keras_shiftadd.export._integer.model import IntegerModel
from keras_shiftadd.export._integer.operators import Convolution
from keras_shiftadd.export._simulate.machine import Execution, Machine


def call_kernel(
    machine: Machine, kernel: Kernel, model: IntegerModel, x: np.ndarray
) -> tuple[np.ndarray, Execution]:
    """Runs a convolution on a kernel.

    Args:
        machine: A program with the kernel; parameters and tensors are added to its memory.
        kernel: What takes the convolution.
        model: A network of one convolution.
        x: int8 array, its input.

    Returns:
        The output, and what was executed.

    Raises:
        SimulationError: If the memory is full, or the processor stopped before the kernel returned.
    """
    (convolution,) = model.operators
    assert isinstance(convolution, Convolution)
    source, output = model.tensors
    constants = kernel.pack(convolution, source).items()
    addresses = {name: machine.place(array.tobytes()) for name, array in constants}
    fields = convolution_fields(convolution, source, output)
    params = machine.place(convolution_bytes(fields, addresses))
    y = machine.place(bytes(output.size))
    scratch = machine.place(bytes(kernel.scratch_bytes(convolution)))
    done = machine.call(kernel.function, params, machine.place(x.tobytes()), y, scratch)
    return np.frombuffer(machine.read(y, output.size), np.int8).reshape(output.shape), done
