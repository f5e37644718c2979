"""Counts how often an emulator runs each block of instructions."""

import atexit
import ctypes
import functools
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from keras_shiftadd.export._simulate.host import compile_library

_SOURCE = Path(__file__).with_name("block_counter.c")
_TABLE = 1 << 15


class Runs(NamedTuple):
    """How often a block ran in a stage."""

    stage: str
    address: int
    size: int
    times: int


class BlockCounter:
    """Counts blocks in a Python function; the first stage is named by the empty string.

    Args:
        stages: The name of each stage by the address that it begins at.
    """

    def __init__(self, stages: Mapping[int, str]) -> None:
        self._stages = stages
        self.reset()

    def attach(self, emulator: Any) -> None:
        """Has the emulator report its blocks."""
        from unicorn import UC_HOOK_BLOCK

        emulator.hook_add(UC_HOOK_BLOCK, self._on_block)

    def reset(self) -> None:
        """Sets all counts to zero, and the stage to the first."""
        self._current: defaultdict[tuple[int, int], int] = defaultdict(int)
        self._blocks = {"": self._current}

    def runs(self) -> Iterator[Runs]:
        """What was counted."""
        for stage, blocks in self._blocks.items():
            for (address, size), times in blocks.items():
                yield Runs(stage, address, size, times)

    def _on_block(self, emulator: Any, address: int, size: int, data: Any) -> None:
        stage = self._stages.get(address)
        if stage is not None:
            self._current = self._blocks.setdefault(stage, defaultdict(int))
        self._current[address, size] += 1


class _Table(ctypes.Structure):
    _fields_ = [
        ("keys", ctypes.c_void_p),
        ("counts", ctypes.c_void_p),
        ("begins", ctypes.c_void_p),
        ("stages", ctypes.c_void_p),
        ("stage_count", ctypes.c_uint32),
        ("mask", ctypes.c_uint32),
        ("stage", ctypes.c_uint32),
        ("used", ctypes.c_uint32),
        ("lost", ctypes.c_uint64),
    ]


class CompiledBlockCounter:
    """The same counts from a compiled function, many times faster.

    Args:
        stages: The name of each stage by the address that it begins at.

    Raises:
        FileNotFoundError: If there is no C compiler.
        AttributeError: If this version of unicorn has no place to hand the function to.
    """

    def __init__(self, stages: Mapping[int, str]) -> None:
        self._function = ctypes.cast(_library().count_block, ctypes.c_void_p)
        self._names = ["", *stages.values()]
        self._stages = np.array([0, *stages], np.uint64)
        self._keys = np.zeros(_TABLE, np.uint64)
        self._begins = np.zeros(_TABLE, np.int32)
        self._counts = np.zeros((_TABLE, len(self._names)), np.uint64)
        self._table = _Table(
            self._keys.ctypes.data,
            self._counts.ctypes.data,
            self._begins.ctypes.data,
            self._stages.ctypes.data,
            len(self._names),
            _TABLE - 1,
        )

    def attach(self, emulator: Any) -> None:
        """Has the emulator report its blocks."""
        from unicorn import UC_HOOK_BLOCK
        from unicorn.unicorn_py3 import unicorn as binding

        hook = ctypes.c_size_t()
        status = binding.uclib.uc_hook_add(
            emulator._uch,
            ctypes.byref(hook),
            UC_HOOK_BLOCK,
            self._function,
            ctypes.cast(ctypes.byref(self._table), ctypes.c_void_p),
            1,
            0,
        )
        if status != 0:
            raise AttributeError(f"Unicorn must take the hook. It returned status {status}.")

    def reset(self) -> None:
        """Sets all counts to zero, and the stage to the first."""
        self._counts[self._keys != 0] = 0
        self._table.stage = 0

    def runs(self) -> Iterator[Runs]:
        """What was counted.

        Raises:
            RuntimeError: If the program has more blocks than the table can hold.
        """
        if self._table.lost:
            raise RuntimeError(
                f"A program may have {_TABLE // 2} blocks of instructions. This one has more."
            )
        for at, stage in zip(*np.nonzero(self._counts), strict=True):
            key = int(self._keys[at])
            yield Runs(self._names[stage], key >> 16, key & 0xFFFF, int(self._counts[at, stage]))


def attach_counter(emulator: Any, stages: Mapping[int, str]) -> BlockCounter | CompiledBlockCounter:
    """The fastest counter that works here, attached to an emulator; the counts are the same.

    Args:
        emulator: A `unicorn.Uc`.
        stages: The name of each stage by the address that it begins at.
    """
    try:
        compiled = CompiledBlockCounter(stages)
        compiled.attach(emulator)
        return compiled
    except (AttributeError, ImportError, OSError, RuntimeError):
        counter = BlockCounter(stages)
        counter.attach(emulator)
        return counter


@functools.cache
def _library() -> ctypes.CDLL:
    folder = tempfile.mkdtemp(prefix="keras_shiftadd_")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    library = Path(folder) / "block_counter.so"
    compile_library([_SOURCE], library)
    return ctypes.CDLL(str(library))
