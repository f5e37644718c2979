"""Where the frameworks are that the bindings are compiled for.

They are looked for in the folders of the interpreter, not by importing: an installer hides the
installed packages from the environment in which it builds another one, and headers of a second
TensorFlow there would give a library that does not load into the first.
"""

import os
import pathlib
import site
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata

TENSORFLOW_VARIABLE = "KERAS_SHIFTADD_TENSORFLOW"
JAXLIB_VARIABLE = "KERAS_SHIFTADD_JAXLIB"

_DISTRIBUTIONS = {
    "tensorflow": ("tensorflow", "tensorflow-cpu", "tensorflow-macos", "tf-nightly"),
    "jaxlib": ("jaxlib",),
}
_HEADERS = {
    "tensorflow": pathlib.Path("tensorflow", "c", "kernels.h"),
    "jaxlib": pathlib.Path("xla", "ffi", "api", "ffi.h"),
}


class FrameworkNotFoundError(Exception):
    """A framework is not installed; the message says where it was looked for."""


class FrameworkUnusableError(Exception):
    """A framework is there, and a part that is needed is not."""


@dataclass(frozen=True)
class Framework:
    """An installed framework.

    Args:
        name: `"tensorflow"` or `"jaxlib"`.
        version: its version.
        include: the folder of its headers.
        library: what to link to, if anything.
    """

    name: str
    version: str
    include: pathlib.Path
    library: pathlib.Path | None = None


def find_tensorflow() -> Framework:
    """TensorFlow, its headers, and its library `libtensorflow_framework`."""
    folder = _package_folder("tensorflow", "TensorFlow", TENSORFLOW_VARIABLE)
    patterns = ("libtensorflow_framework.so.*", "libtensorflow_framework.*.dylib")
    libraries = sorted(file for pattern in patterns for file in folder.glob(pattern))
    if not libraries:
        raise FrameworkUnusableError(f"{folder} has no {' or '.join(patterns)}")
    return Framework("tensorflow", _version("tensorflow", folder), _include(folder), libraries[0])


def find_jaxlib() -> Framework:
    """The headers of jaxlib's foreign function interface."""
    folder = _package_folder("jaxlib", "jaxlib", JAXLIB_VARIABLE)
    return Framework("jaxlib", _version("jaxlib", folder), _include(folder))


def site_folders() -> list[pathlib.Path]:
    """The folders into which packages of this interpreter are installed."""
    found = dict.fromkeys(pathlib.Path(folder) for folder in _site_folders())
    return [folder for folder in found if folder.is_dir()]


def _site_folders() -> Iterator[str]:
    yield sysconfig.get_path("purelib")
    yield sysconfig.get_path("platlib")
    if site.ENABLE_USER_SITE:
        yield site.getusersitepackages()
    configuration = pathlib.Path(sys.prefix, "pyvenv.cfg")
    if sys.prefix != sys.base_prefix and configuration.is_file():
        words = configuration.read_text(encoding="utf-8").lower().replace(" ", "")
        if "include-system-site-packages=true" in words:
            base = {"base": sys.base_prefix, "platbase": sys.base_exec_prefix}
            yield sysconfig.get_path("purelib", vars=base)
            yield sysconfig.get_path("platlib", vars=base)


def _package_folder(name: str, title: str, variable: str) -> pathlib.Path:
    header = pathlib.Path("include", _HEADERS[name])
    named = os.environ.get(variable)
    if named is not None:
        folder = pathlib.Path(named)
        if not (folder / header).is_file():
            raise FrameworkUnusableError(
                f"{variable} must name the folder of the package {name}, which holds {header}. "
                f"Received: {variable}={named}"
            )
        return folder
    folders = site_folders()
    for folder in folders:
        if (folder / name / header).is_file():
            return folder / name
    raise FrameworkNotFoundError(
        f"{title} was not found in {', '.join(map(str, folders))}; {variable} can name its folder"
    )


def _include(folder: pathlib.Path) -> pathlib.Path:
    return folder / "include"


def _version(name: str, folder: pathlib.Path) -> str:
    for distribution in _DISTRIBUTIONS[name]:
        for found in metadata.distributions(name=distribution, path=[str(folder.parent)]):
            return found.version
    return "unknown"
