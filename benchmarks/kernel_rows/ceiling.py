"""The instruction ceiling: the inner loops' arithmetic without their memory, on one core."""

import ctypes
import functools
import pathlib
import tempfile

from kernel_rows.timing import Row

_AVX512 = [f"-mavx512{part}" for part in ("f", "bw", "vl", "dq", "vnni")]
# instruction set -> flags of the compiler
FLAGS = {
    "avx512": [*_AVX512, "-mavx2", "-mfma"],
    "avx2": ["-mavx2", "-mfma"],
    "neon": [],
    "scalar": [],
}
# Row -> the loop in which its time is best spent, and whether padding costs any.
LOOPS = {
    ("forward", "adder_kernel"): ("max_fma", True),
    ("step", "input_gradient"): ("clip_fma", False),
    ("step", "kernel_gradient"): ("fma", False),
    ("int8", "adder_kernel"): ("distance", True),
    ("int8", "shift_kernel"): ("product", True),
}
TERMS = 2**24  # about that many a call


@functools.cache
def library() -> ctypes.CDLL | None:
    """Compiles the loops for the instruction set in force; without a compiler there are none."""
    from keras_shiftadd.custom_ops._builder import _compiler
    from keras_shiftadd.custom_ops._library import kernels

    instruction_set = kernels().shiftadd_instruction_set().decode()
    source = pathlib.Path(__file__).with_suffix(".cc")
    with tempfile.TemporaryDirectory() as folder:
        target = pathlib.Path(folder, "ceiling.so")
        flags = ["-std=c++17", "-O3", "-fPIC", "-shared", *FLAGS[instruction_set]]
        try:
            _compiler.find_compiler().run([*flags, str(source), "-o", str(target)], source.name)
        except (_compiler.CompilerNotFoundError, _compiler.CompileError) as error:
            print(f"no ceilings are measured: {error}")
            return None
        loops = ctypes.CDLL(str(target))
    for loop, _ in LOOPS.values():
        function = getattr(loops, f"ceiling_{loop}")
        function.argtypes = [ctypes.c_int64]
        function.restype = ctypes.c_int64
    return loops


def rows(section: str) -> list[Row]:
    """The ceilings that a section is compared with, each `TERMS` terms a call."""
    loops = library()
    if loops is None:
        return []
    result = []
    for loop in sorted({loop for (of, _), (loop, _) in LOOPS.items() if of == section}):
        function = getattr(loops, f"ceiling_{loop}")
        terms = function(1)
        if terms:
            run = functools.partial(function, max(1, TERMS // terms))
            result.append(Row(f"ceiling_{loop}", run))
    return result
