"""Optional packages, imported when they are first needed."""

import importlib
from types import ModuleType


def require(module: str, package: str, command: str) -> ModuleType:
    """Imports `module`, or says how to install it.

    Args:
        module: Dotted name, such as `"ai_edge_litert.interpreter"`.
        package: Name of the package in words, for the message.
        command: The command that installs it.

    Raises:
        ImportError: If the package is missing or cannot be loaded.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(
            f"This needs {package}, which could not be imported ({error}). "
            f"Install it with: {command}"
        ) from error


def litert_schema() -> ModuleType:
    """The generated classes of the .tflite format."""
    return require(
        "ai_edge_litert.schema_py_generated",
        "ai-edge-litert",
        'pip install "keras-shiftadd[export]"',
    )


def litert_interpreter() -> ModuleType:
    """LiteRT's Python interpreter."""
    return require(
        "ai_edge_litert.interpreter", "ai-edge-litert", 'pip install "keras-shiftadd[export]"'
    )
