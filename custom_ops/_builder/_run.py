"""A build from beginning to end."""

import concurrent.futures
import contextlib
import os
import pathlib
import shutil
import tempfile

from ._compiler import Compiler, CompilerNotFoundError, find_compiler
from ._frameworks import FrameworkNotFoundError, FrameworkUnusableError
from ._job import Job
from ._libraries import KERNELS, LIBRARIES, Library, library_file, unsupported_system
from ._manifest import make_manifest, read_manifest
from ._outcome import Outcome, State, record

FOLDER = pathlib.Path(__file__).parent.parent
TARGET = FOLDER / "_lib"


def build(
    target: pathlib.Path = TARGET, force: bool = False, folder: pathlib.Path = FOLDER
) -> list[Outcome]:
    """Compiles what is missing or out of date, for the frameworks that are installed.

    Everything is compiled in a temporary folder; only complete libraries come to their place, in
    one step each. A library that fails leaves its predecessor.

    Args:
        target: where the libraries go.
        force: compile libraries that are up to date, too.
        folder: the folder `custom_ops` with the sources.

    Returns:
        What became of each library, the kernels first.

    Raises:
        OSError: the finished libraries cannot be written to their place.
    """
    outcomes = _build(target, force, folder)
    with contextlib.suppress(OSError):  # The record is a note; what it says is also returned.
        record(outcomes, target)
    return outcomes


def _build(target: pathlib.Path, force: bool, folder: pathlib.Path) -> list[Outcome]:
    unsupported = unsupported_system()
    if unsupported is not None:
        return [Outcome(name, State.IMPOSSIBLE, unsupported) for name in LIBRARIES]
    try:
        compiler = find_compiler()
    except CompilerNotFoundError as error:
        return [Outcome(name, State.IMPOSSIBLE, str(error)) for name in LIBRARIES]
    with tempfile.TemporaryDirectory(prefix="shiftadd-") as temporary:
        plans = [
            _plan(library, target, force, folder, pathlib.Path(temporary), compiler)
            for library in LIBRARIES.values()
        ]
        jobs = [plan for plan in plans if isinstance(plan, Job)]
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            for job in jobs:
                job.start(pool)
            outcomes = _finish(plans, target)
        built = {outcome.name for outcome in outcomes if outcome.state is State.BUILT}
        _install([job.file for job in jobs if job.library.name in built], target)
    return outcomes


def _plan(
    library: Library,
    target: pathlib.Path,
    force: bool,
    folder: pathlib.Path,
    temporary: pathlib.Path,
    compiler: Compiler,
) -> Job | Outcome:
    """What is to be done, or why nothing is."""
    name = library.name
    if not library.sources(folder):
        return Outcome(name, State.LEFT_OUT, "this version has no sources of it")
    try:
        framework = library.find_framework() if library.find_framework else None
    except FrameworkNotFoundError as error:
        return Outcome(name, State.LEFT_OUT, str(error))
    except FrameworkUnusableError as error:
        return Outcome(name, State.FAILED, str(error))
    manifest = make_manifest(library, folder, compiler, framework)
    job_folder = temporary / name
    job_folder.mkdir()
    job = Job(library, folder, job_folder, compiler, manifest, framework)
    if not force and read_manifest(target / library_file(name)) == manifest:
        return Outcome(name, State.CURRENT, job.made_with())
    return job


def _finish(plans: list[Job | Outcome], target: pathlib.Path) -> list[Outcome]:
    """Links the kernels first: the bindings link to them."""
    outcomes: list[Outcome] = []
    kernels: pathlib.Path | None = None
    for plan in plans:
        if isinstance(plan, Outcome):
            outcome = plan
        elif plan.library.name != KERNELS and kernels is None:
            outcome = Outcome(plan.library.name, State.FAILED, "the kernels could not be built")
        else:
            outcome = plan.finish(kernels)
        outcomes.append(outcome)
        if outcome.name == KERNELS and outcome.exists:
            kernels = plan.file if isinstance(plan, Job) else target / library_file(KERNELS)
    return outcomes


def _install(files: list[pathlib.Path], target: pathlib.Path) -> None:
    """Brings libraries to their place; processes that have loaded older ones keep those."""
    target.mkdir(parents=True, exist_ok=True)
    ready = []
    try:
        for file in files:
            ready.append(target / f".{file.name}.{os.getpid()}")
            shutil.copy(file, ready[-1])
        for new, file in zip(ready, files, strict=True):
            os.replace(new, target / file.name)
    finally:
        for new in ready:
            new.unlink(missing_ok=True)
