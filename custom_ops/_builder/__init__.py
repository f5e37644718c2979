"""Compiles the kernels and their bindings.

Keras, TensorFlow and JAX are not imported here: the package must be buildable in an environment
that has none of them. For the same reason the modules name one another relatively, so that they
can be loaded by their path, outside of the package (`custom_ops/build.py`).
"""

from ._command import exit_status, main, report
from ._libraries import LIBRARIES, library_file
from ._manifest import read_manifest, source_hash
from ._outcome import Outcome, State, read_outcomes, record
from ._run import TARGET, build

__all__ = [
    "LIBRARIES",
    "TARGET",
    "Outcome",
    "State",
    "build",
    "exit_status",
    "library_file",
    "main",
    "read_manifest",
    "read_outcomes",
    "record",
    "report",
    "source_hash",
]
