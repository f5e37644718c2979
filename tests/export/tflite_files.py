"""Small .tflite files, written without the exporter, for tests of the audit."""

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema


class FileBuilder:
    """Collects tensors and operators of one float32 subgraph."""

    def __init__(self) -> None:
        self.graph = schema.SubGraphT()
        self.graph.tensors, self.graph.operators = [], []
        self.model = schema.ModelT()
        self.model.version = 3
        self.model.buffers = [schema.BufferT()]
        self.model.operatorCodes = []
        self.model.subgraphs = [self.graph]

    def tensor(self, shape: tuple[int, ...], data: Any = None, dtype: str = "FLOAT32") -> int:
        tensor = schema.TensorT()
        tensor.shape = np.asarray(shape, np.int32)
        tensor.name = f"t{len(self.graph.tensors)}"
        tensor.type = getattr(schema.TensorType, dtype)
        tensor.buffer = 0
        if data is not None:
            buffer = schema.BufferT()
            kind = np.int32 if dtype == "INT32" else np.float32
            values = np.broadcast_to(np.asarray(data, kind), shape)
            buffer.data = np.frombuffer(values.tobytes(), np.uint8)
            tensor.buffer = len(self.model.buffers)
            self.model.buffers.append(buffer)
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def operator(
        self, name: str, inputs: list[int], outputs: list[int], custom: str | None = None
    ) -> "FileBuilder":
        code = schema.OperatorCodeT()
        code.builtinCode = getattr(schema.BuiltinOperator, name)
        code.deprecatedBuiltinCode = min(code.builtinCode, 127)
        code.customCode = custom
        code.version = 1
        self.model.operatorCodes.append(code)
        operator = schema.OperatorT()
        operator.opcodeIndex = len(self.model.operatorCodes) - 1
        operator.inputs = np.asarray(inputs, np.int32)
        operator.outputs = np.asarray(outputs, np.int32)
        self.graph.operators.append(operator)
        return self

    def write(self, path: Any, inputs: tuple[int, ...] = (0,)) -> Any:
        import flatbuffers

        self.graph.inputs = np.asarray(inputs, np.int32)
        self.graph.outputs = np.asarray([len(self.graph.tensors) - 1], np.int32)
        builder = flatbuffers.Builder(1024)
        builder.Finish(self.model.Pack(builder), file_identifier=b"TFL3")
        path.write_bytes(bytes(builder.Output()))
        return path
