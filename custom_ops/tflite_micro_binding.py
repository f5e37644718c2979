"""The custom operators of .tflite files for tflite-micro's Python interpreter."""

import ctypes
import functools
from importlib import metadata
from types import ModuleType

from keras_shiftadd.custom_ops import _library

# The layout of what an operator sees differs from wheel to wheel, and no wheel tells its own.
VERSION = "0.dev20260203175027"
_DISTRIBUTION = "tflite-micro"
_REGISTERER = "shiftadd_tflite_micro_registerer"
# MicroMutableOpResolver<200>::AddCustom(const char*, const TFLMRegistration*)
_ADD_CUSTOM = "_ZN6tflite22MicroMutableOpResolverILj200EE9AddCustomEPKcPK16TFLMRegistration"


def registerer(runtime: ModuleType) -> str:
    """Makes the custom operators known to tflite-micro's Python interpreter.

    Args:
        runtime: The extension module `_runtime` of the package `tflite_micro`.

    Returns:
        The name to pass in its `custom_op_registerers`.

    Raises:
        RuntimeError: the wheel is another one than the binding was made for, or the library was
            not built or does not fit this version of the package.
    """
    version = installed_version()
    if version != VERSION:
        raise RuntimeError(
            f"Custom operators need {_DISTRIBUTION} {VERSION}: the layout of what they see differs "
            f"from version to version. Received: {_DISTRIBUTION} {version}. Install it with: "
            f"pip install {_DISTRIBUTION}=={VERSION}"
        )
    _load(str(runtime.__file__))
    return _REGISTERER


def installed_version() -> str:
    """The version of the installed wheel."""
    try:
        return metadata.version(_DISTRIBUTION)
    except metadata.PackageNotFoundError:
        return "of an unknown version"


@functools.cache
def _load(runtime_file: str) -> ctypes.CDLL:
    """Loads the library where the interpreter looks for registerers: among all symbols."""
    library = ctypes.CDLL(str(_library.binding_file("tflite_micro")), mode=ctypes.RTLD_GLOBAL)
    try:
        add_custom = getattr(ctypes.CDLL(runtime_file), _ADD_CUSTOM)
    except AttributeError:
        raise RuntimeError(
            f"Custom operators need the resolver of {_DISTRIBUTION} {VERSION}. Received: "
            f"{runtime_file}, which does not have it."
        ) from None
    library.shiftadd_tflite_micro_use.restype = None
    library.shiftadd_tflite_micro_use.argtypes = (ctypes.c_void_p,)
    library.shiftadd_tflite_micro_use(ctypes.cast(add_custom, ctypes.c_void_p))
    return library
