"""Which tensors of a file are those of the network, and where they stand in it."""

import json
import math
from dataclasses import dataclass
from typing import Any

from keras_shiftadd.export._integer.model import Tensor
from keras_shiftadd.export._quantization import Quantization
from keras_shiftadd.export._tflite.file_graph import (
    FileOperator,
    FileTensor,
    read_operators,
    read_tensors,
    text,
)

METADATA = "keras_shiftadd"


@dataclass(frozen=True)
class Record:
    """What the writer noted beside the network.

    Args:
        tensors: The first so many tensors of the file are those of the network, in their order.
        operators: The name of each operator of the file; None for one that only prepares another.
    """

    tensors: int
    operators: tuple[str | None, ...]


def read_record(parsed: Any) -> Record | None:
    """The writer's notes in a file, or None.

    Raises:
        ValueError: If they do not fit the file.
    """
    graph = parsed.subgraphs[0]
    for entry in parsed.metadata or []:
        if text(entry.name) != METADATA:
            continue
        raw = parsed.buffers[entry.buffer].data
        notes = json.loads(bytes(bytearray([] if raw is None else raw)))
        tensors, names = notes["tensors"], notes["operators"]
        right = type(tensors) is int and 0 < tensors <= len(graph.tensors or [])
        right = right and type(names) is list and len(names) == len(graph.operators or [])
        if not right or not all(name is None or type(name) is str for name in names):
            raise ValueError(f"metadata '{METADATA}' that does not fit its operators.")
        return Record(tensors, tuple(names))
    return None


class NetworkTensors:
    """The computed tensors of a file.

    A RESHAPE between shapes that are one to the network, or one that the writer added, makes no
    tensor of the network: its output is an alias of its input, or the reverse.
    """

    def __init__(self, parsed: Any, graph: Any, schema: Any, record: Record | None) -> None:
        self.operators: list[FileOperator] = read_operators(parsed, graph, schema)
        self.graph_name = text(graph.name)
        self._graph = graph
        self._file: list[FileTensor] = read_tensors(parsed, graph, schema)
        self._aliases: dict[int, int] = {}
        self._skipped: set[int] = set()
        self._order: list[int] = [] if record is None else list(range(record.tensors))
        self._fixed = record is not None
        for number, operator in enumerate(self.operators):
            if operator.name == "RESHAPE" and len(operator.output_indices) == 1:
                added = record is not None and record.operators[number] is None
                self._add_alias(operator, added)
        self._positions = {index: position for position, index in enumerate(self._order)}
        if not self._fixed:
            self.position(self._end("inputs"))

    def is_alias(self, operator: FileOperator) -> bool:
        """Whether an operator only gives a tensor another shape in the file."""
        return operator.name == "RESHAPE" and operator.output_indices[0] in self._skipped

    def position(self, index: int) -> int:
        """The position in the network of a tensor of the file.

        Raises:
            ValueError: If it is none of the network's.
        """
        seen = set()
        while index in self._aliases:
            if index in seen:
                raise ValueError("RESHAPE operators that run in a circle.")
            seen.add(index)
            index = self._aliases[index]
        if index not in self._positions:
            if self._fixed or index < 0:
                raise ValueError(f"tensor {index}, which is none of the network's.")
            self._positions[index] = len(self._order)
            self._order.append(index)
        return self._positions[index]

    def tensor(self, position: int) -> Tensor:
        """A tensor of the network.

        Raises:
            ValueError: If it is not an int8 tensor for one sample.
        """
        found = self._file[self._order[position]]
        shape = _network_shape(found.shape)
        scale = found.scales[0] if len(found.scales) == 1 else math.nan
        right = found.dtype == "INT8" and len(found.zero_points) == 1 and found.data is None
        if not right or shape is None or not 0.0 < scale < math.inf:
            raise ValueError(
                f"tensor '{found.name}': {found.dtype}, shape {found.shape}, {len(found.scales)} "
                "scales; computed tensors must be int8 with one scale and one zero point, for one "
                "sample, of shape (1, features) or (1, rows, columns, channels)."
            )
        return Tensor(found.name, shape, Quantization(scale, found.zero_points[0]))

    def network(self) -> tuple[Tensor, ...]:
        """All tensors of the network."""
        return tuple(self.tensor(position) for position in range(len(self._order)))

    def ends(self) -> tuple[int, int]:
        """Positions of the input and the output."""
        return self.position(self._end("inputs")), self.position(self._end("outputs"))

    def _end(self, which: str) -> int:
        indices = getattr(self._graph, which)
        if indices is None or len(indices) != 1:
            raise ValueError(f"another number of {which} than one.")
        return int(indices[0])

    def _add_alias(self, operator: FileOperator, added: bool) -> None:
        source, output = operator.input_indices[0], operator.output_indices[0]
        if source < 0 or self._file[source].size != self._file[output].size:
            raise ValueError("a RESHAPE that changes the number of elements.")
        shapes = [_network_shape(self._file[index].shape) for index in (source, output)]
        if not added and (self._fixed or shapes[0] is None or shapes[0] != shapes[1]):
            return
        if self._fixed and output < len(self._order):
            if source < len(self._order):
                raise ValueError("a RESHAPE between tensors of the network without a name.")
            source, output = output, source
        self._aliases[output] = source
        self._skipped.add(operator.output_indices[0])


def _network_shape(shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """The shape without the batch of 1; a sequence is an image of one row."""
    if not 2 <= len(shape) <= 4 or shape[0] != 1 or min(shape) < 1:
        return None
    return (1, *shape[1:]) if len(shape) == 3 else shape[1:]
