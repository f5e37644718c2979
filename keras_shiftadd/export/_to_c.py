"""Exports a network as C for microcontrollers."""

import os
from pathlib import Path
from typing import Any, Literal, get_args

import keras
import numpy as np

from keras_shiftadd._whole_folder import check_folder, folder_written_whole
from keras_shiftadd.export._arguments import check_samples
from keras_shiftadd.export._c.figures import Figures, figures
from keras_shiftadd.export._c.firmware_report import ArenaBuffer, FirmwareLayer, FirmwareReport
from keras_shiftadd.export._c.kernel_files import all_kernel_files, kernel_files
from keras_shiftadd.export._c.program import Program, make_program
from keras_shiftadd.export._c.write_project import write_makefile, write_test
from keras_shiftadd.export._c.write_source import write_constants, write_header, write_model
from keras_shiftadd.export._errors import BudgetExceeded
from keras_shiftadd.export._integer.check import check
from keras_shiftadd.export._integer.model import IntegerModel
from keras_shiftadd.export._integer.reference import run
from keras_shiftadd.export._quantize.options import Rounding
from keras_shiftadd.export._quantize.quantize import quantize
from keras_shiftadd.export._targets import Target, find_target
from keras_shiftadd.export._tflite.read_model import read_model
from keras_shiftadd.ops._numbers import positive

Convolutions = Literal["own", "cmsis-nn"]

_OWN_FILES = frozenset(
    {"Makefile", "build", "model.c", "model.h", "model_constants.h", "test_model.c"}
)
_RECORDED = 4


def to_c(
    model: keras.Model | IntegerModel | str | os.PathLike[str],
    folder: str | os.PathLike[str],
    target: str = "portable",
    calibration_data: Any = None,
    ram_budget: int | None = None,
    flash_budget: int | None = None,
    test_data: Any = None,
    convolutions: Convolutions = "own",
) -> FirmwareReport:
    """Exports a network as C99 in int8: static memory, no heap, no library but string.h.

    The folder has

    - `model.h` with `model_invoke(const int8_t *input, int8_t *output)`, the sizes, the scales and
      the zero points;
    - `model.c`, a function for each layer, and `model_constants.h`, the weights;
    - the kernels that they call, `*.c` and `*.h`;
    - `test_model.c`, recorded inputs and the outputs of the NumPy reference, and a `Makefile`:
      `make test` compares on this machine.

    Activations and scratch memory share one arena. For each convolution the kernel is taken that
    executes the fewest instructions on the target within `ram_budget` and `flash_budget`. The C is
    the same for all compilers, and compiles for other processors than the target, too.

    Args:
        model: A Keras model, which is quantised as `quantize` does, with the faster rounding of
            multiplicative layers and sums (`conv_rounding="single"`, `add_rounding="single"`);
            what `quantize` returned, for other options; or the path of an int8 .tflite file.
        folder: The folder to write: new, empty, or an earlier export, which is replaced.
        target: `"cortex-m4"`, `"cortex-m7"`, `"cortex-m33"`, `"cortex-m0"`, `"rv32i"`,
            `"rv32im"`, `"x86"` or `"portable"`.
        calibration_data: Array `(samples, ...)`, typical inputs of a Keras model, which needs
            them; some hundred.
        ram_budget: Bytes for the arena, the input and the output. By default there is no limit,
            and speed decides.
        flash_budget: Bytes for weights, parameters and machine code.
        test_data: Array `(samples, ...)` of the inputs that `test_model.c` records: int8 numbers
            as they are, or float numbers as the model takes them. By default the first four of
            `calibration_data`, or four random ones.
        convolutions: What multiplicative convolutions and dense layers run on: `"own"` are the
            kernels of this package, `"cmsis-nn"` is CMSIS-NN, Arm's own kernels, whose folder the
            `Makefile` takes. That is for the Cortex-M targets, and for layers without groups that
            are rounded as TFLite does (`conv_rounding="double"`, which a Keras model then is);
            others stay on our kernels.

    Returns:
        A `FirmwareReport`; print it for a table of layers and memory.

    Raises:
        BudgetExceeded: If the network does not fit (a ValueError); nothing is written.
        UnsupportedLayerError: If a layer of a Keras model has no form in int8 (a ValueError).
        TypeError: If an argument is of a wrong type.
        ValueError: If an argument does not fit, a file is no int8 .tflite file, or the network
            breaks a rule of docs/integer_ops.md.
        OSError: If the folder cannot be written, or has other files in it; or a file cannot be
            read.
        ImportError: If a .tflite file is given and ai-edge-litert is not installed.

    Example:

    >>> report = keras_shiftadd.export.to_c(
    ...     model, "firmware", target="cortex-m4", calibration_data=x_train[:256],
    ...     ram_budget=64 * 1024)
    >>> print(report)
    """
    if not isinstance(folder, str | os.PathLike):
        raise TypeError(f"`folder` must be a path. Received: {type(folder).__name__}.")
    path = Path(folder)
    known = find_target(target)
    for name, value in (("ram_budget", ram_budget), ("flash_budget", flash_budget)):
        if value is not None:
            positive(value, name)
    _check_convolutions(convolutions, known)
    check_folder(path, _OWN_FILES | all_kernel_files())
    cmsis_nn = convolutions == "cmsis-nn"
    network = _integer_model(model, calibration_data, "double" if cmsis_nn else "single")
    check(network)
    inputs = _test_inputs(network, test_data, calibration_data)

    numbers = figures(known.name)
    outside = network.tensors[network.input].size + network.tensors[network.output].size
    limit = None if ram_budget is None else ram_budget - outside
    program = make_program(network, numbers, limit, flash_budget, cmsis_nn)
    report = _report(program, path, known.name, numbers)
    _check_budget("RAM", "ram_budget", report.ram_bytes, ram_budget, report)
    _check_budget("flash", "flash_budget", report.flash_bytes, flash_budget, report)

    kernels = kernel_files(program.kernels)
    files = {
        **kernels,
        "model.h": write_header(program),
        "model_constants.h": write_constants(program),
        "model.c": write_model(program),
        "test_model.c": write_test(inputs, run(network, inputs)),
        "Makefile": write_makefile(["model.c", *(f for f in kernels if f.endswith(".c"))]),
    }
    with folder_written_whole(path) as temporary:
        for name, text in files.items():
            (temporary / name).write_text(text, encoding="utf-8")
    return report


def _check_convolutions(convolutions: str, target: Target) -> None:
    if convolutions not in get_args(Convolutions):
        raise ValueError(
            f"`convolutions` must be one of {', '.join(get_args(Convolutions))}. "
            f"Received: convolutions={convolutions!r}."
        )
    arm = target.core is not None and target.core.instruction_set == "thumb"
    if convolutions == "cmsis-nn" and not arm:
        raise ValueError(
            "CMSIS-NN is for Arm's Cortex-M: `target` must be one of them. "
            f"Received: convolutions='cmsis-nn', target={target.name!r}."
        )


def _integer_model(model: Any, calibration_data: Any, conv_rounding: Rounding) -> IntegerModel:
    if isinstance(model, IntegerModel):
        return model
    if isinstance(model, keras.Model):
        if calibration_data is None:
            raise ValueError(
                "A Keras model needs `calibration_data`, typical inputs such as x_train[:256]. "
                "Received: calibration_data=None."
            )
        return quantize(model, calibration_data, conv_rounding=conv_rounding, add_rounding="single")
    if isinstance(model, str | os.PathLike):
        return read_model(Path(model).read_bytes(), str(model))
    raise TypeError(
        "`model` must be a Keras model, an IntegerModel or the path of a .tflite file. "
        f"Received: {type(model).__name__}."
    )


def _test_inputs(model: IntegerModel, test_data: Any, calibration_data: Any) -> np.ndarray:
    tensor = model.tensors[model.input]
    quantization = tensor.quantization
    if test_data is None and calibration_data is None:
        random = np.random.default_rng(0)
        return random.integers(-128, 128, (_RECORDED, *tensor.shape)).astype(np.int8)
    data = calibration_data[:_RECORDED] if test_data is None else test_data
    name = "calibration_data" if test_data is None else "test_data"
    array = np.asarray(data)
    # A sequence is an image of one row.
    shape = tensor.shape[1:] if tensor.shape[0] == 1 and len(tensor.shape) == 3 else tensor.shape
    samples = check_samples(array, shape if array.ndim == len(shape) + 1 else tensor.shape, name)
    samples = samples.reshape(-1, *tensor.shape)
    return samples.astype(np.int8) if array.dtype == np.int8 else quantization.quantize(samples)


def _check_budget(
    what: str, argument: str, needed: int, budget: int | None, report: FirmwareReport
) -> None:
    if budget is not None and needed > budget:
        parts = (
            f"{report.arena_bytes:,} arena, {report.input_bytes:,} input, "
            f"{report.output_bytes:,} output"
            if what == "RAM"
            else f"{report.constant_bytes:,} constants, {report.code_bytes:,} code"
        )
        raise BudgetExceeded(
            f"The network must fit into `{argument}`. Received: {argument}={budget:,} bytes, but "
            f"it takes {needed:,} bytes of {what} on {report.target} ({parts}). Nothing was "
            "written. Take a smaller network or a larger part."
        )


def _report(program: Program, folder: Path, target: str, numbers: Figures) -> FirmwareReport:
    model = program.model
    layers = []
    for operator, layer, choice in zip(
        model.operators, program.layers, program.choices, strict=True
    ):
        if layer is not None:
            layers.append(
                FirmwareLayer(
                    name=operator.name,
                    function=layer.function,
                    kernel=", ".join(layer.kernels),
                    reason="" if choice is None else choice.reason,
                    flash_bytes=layer.constant_bytes + layer.struct_bytes,
                    scratch_bytes=layer.scratch_bytes,
                    instructions=None if choice is None else choice.instructions,
                )
            )
    buffers = (
        ArenaBuffer(p.buffer.name, p.offset, p.buffer.size, p.buffer.first, p.buffer.last)
        for p in program.memory.buffers
    )
    return FirmwareReport(
        folder=folder,
        target=target,
        constant_bytes=program.constant_bytes,
        code_bytes=program.code_bytes(numbers),
        arena_bytes=program.memory.arena_bytes,
        input_bytes=model.tensors[model.input].size,
        output_bytes=model.tensors[model.output].size,
        layers=tuple(layers),
        arena=tuple(buffers),
    )
