"""Compiling and linking one library, in a temporary folder."""

import concurrent.futures
import pathlib
from dataclasses import dataclass, field
from typing import Any

from ._compiler import CompileError, Compiler
from ._frameworks import Framework
from ._libraries import COMPILE_FLAGS, Library, file_flags, library_file, link_flags, user_flags
from ._manifest import as_macro
from ._outcome import Outcome, State


@dataclass
class Job:
    """A library that is to be built.

    Args:
        library: which one.
        folder: the folder `custom_ops` with the sources.
        temporary: an empty folder of its own for what is compiled.
        compiler: the compiler.
        manifest: what the library will say of itself.
        framework: the framework whose headers and library it needs.
    """

    library: Library
    folder: pathlib.Path
    temporary: pathlib.Path
    compiler: Compiler
    manifest: dict[str, Any]
    framework: Framework | None
    _objects: dict[pathlib.Path, concurrent.futures.Future[str]] = field(default_factory=dict)

    @property
    def file(self) -> pathlib.Path:
        """Where the finished library lies, before it comes to its place."""
        return self.temporary / library_file(self.library.name)

    def start(self, pool: concurrent.futures.Executor) -> None:
        """Starts to compile all source files."""
        for source in self.library.sources(self.folder):
            target = self.temporary / f"{source.stem}.o"
            self._objects[target] = pool.submit(self._compile, source, target)

    def finish(self, kernels: pathlib.Path | None) -> Outcome:
        """Waits for the compiler and links, with the kernels if this is a binding."""
        name = self.library.name
        try:
            warnings = "".join(future.result() for future in self._objects.values())
            warnings += self._link(kernels)
        except CompileError as error:
            return Outcome(name, State.FAILED, str(error), error.output)
        return Outcome(name, State.BUILT, self.made_with(), warnings)

    def _compile(self, source: pathlib.Path, target: pathlib.Path) -> str:
        flags = [*COMPILE_FLAGS, *file_flags(source)]
        if source.stem == "manifest":
            flags.append(as_macro(self.manifest))
        if self.framework is not None:
            # As system headers they give no warnings.
            flags += ["-isystem", str(self.framework.include)]
        arguments = [*flags, *user_flags("CXXFLAGS"), "-c", str(source), "-o", str(target)]
        return self.compiler.run(arguments, source.name)

    def _link(self, kernels: pathlib.Path | None) -> str:
        inputs = [*map(str, self._objects)]
        if kernels is not None:
            inputs.append(str(kernels))
        if self.framework is not None and self.framework.library is not None:
            # Noted by its name alone: the framework has loaded it before this library is.
            inputs.append(str(self.framework.library))
        flags = [*user_flags("CXXFLAGS"), *link_flags(self.library.name)]
        arguments = [*inputs, *flags, *user_flags("LDFLAGS"), "-o", str(self.file)]
        return self.compiler.run(arguments, self.file.name)

    def made_with(self) -> str:
        """The compiler, and what the library is made for, in words."""
        made = [self.compiler.version]
        if "instruction_sets" in self.manifest:
            made.append(", ".join(self.manifest["instruction_sets"]))
        if self.framework is not None:
            made.append(f"{self.framework.name} {self.framework.version}")
        return "; ".join(made)
