"""The manifest: what a library was built from and with, as JSON inside the library."""

import hashlib
import json
import pathlib
import runpy
import sysconfig
from typing import Any

from ._compiler import Compiler
from ._frameworks import Framework
from ._libraries import (
    COMPILE_FLAGS,
    KERNELS,
    Library,
    file_flags,
    instruction_sets,
    user_flags,
)

# How the text begins, by which it is found in the file of a library without loading it.
_BEGIN = b'{"library": "'


def make_manifest(
    library: Library, folder: pathlib.Path, compiler: Compiler, framework: Framework | None
) -> dict[str, Any]:
    """What the library will say of itself. Equal manifests mean equal libraries."""
    manifest: dict[str, Any] = {
        "library": library.name,
        "version": package_version(folder),
        "compiler": compiler.version,
        "flags": " ".join((*COMPILE_FLAGS, *user_flags("CXXFLAGS"), *user_flags("LDFLAGS"))),
        "platform": sysconfig.get_platform(),
        "sources": source_hash(library, folder),
    }
    if library.name == KERNELS:
        manifest["instruction_sets"] = instruction_sets(folder)
        manifest["file_flags"] = {
            file.name: " ".join(file_flags(file))
            for file in library.sources(folder)
            if file_flags(file)
        }
    if framework is not None:
        manifest[framework.name] = framework.version
    return manifest


def as_macro(manifest: dict[str, Any]) -> str:
    """The argument of the compiler that puts the manifest into the library."""
    # JSON of ASCII characters, quoted once more, is a string literal of C.
    return f"-DSHIFTADD_MANIFEST={json.dumps(json.dumps(manifest))}"


def read_manifest(file: pathlib.Path) -> dict[str, Any] | None:
    """The manifest in a library, which is not loaded; `None` without a file or a manifest."""
    try:
        content = file.read_bytes()
    except OSError:
        return None
    begin = content.find(_BEGIN)
    end = content.find(b"\0", begin)
    if begin < 0 or end < 0:
        return None
    try:
        manifest = json.loads(content[begin:end])
    except ValueError:
        return None
    return manifest if isinstance(manifest, dict) else None


def source_hash(library: Library, folder: pathlib.Path) -> str:
    """SHA-256 of the names and contents of a library's sources."""
    digest = hashlib.sha256()
    for file in library.hashed_files(folder):
        content = file.read_bytes()
        digest.update(f"{file.name} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()


def package_version(folder: pathlib.Path) -> str:
    """The version of the package that the folder `custom_ops` is a part of."""
    # The folder lies inside the package, or beside it in a checkout of the sources.
    for file in (folder.parent / "_version.py", folder.parent / "keras_shiftadd" / "_version.py"):
        if file.is_file():
            return str(runpy.run_path(str(file))["__version__"])
    raise FileNotFoundError(f"There is no _version.py in or beside {folder.parent}.")
