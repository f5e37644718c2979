"""Builds the compiled kernels: `python custom_ops/build.py [--force] [--optional]`.

`load_builder` is for a build of the package, which must not import it: that needs Keras.
"""

import importlib.util
import pathlib
import sys
from types import ModuleType


def load_builder() -> ModuleType:
    """Loads the package `_builder` beside this file without the packages around it."""
    folder = pathlib.Path(__file__).resolve().parent / "_builder"
    name = "keras_shiftadd_build"
    spec = importlib.util.spec_from_file_location(
        name, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    sys.exit(load_builder().main())
