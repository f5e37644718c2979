"""Programs as processes of their own, forked from one that has imported Keras: to be killed."""

import multiprocessing
import os
import pathlib
import runpy
import sys

_PROCESSES = multiprocessing.get_context("forkserver")
# Importing them takes a program longer than what it does.
_PROCESSES.set_forkserver_preload(["torch", "keras_shiftadd", "keras_tuner"])


def _run(program, arguments, variables, printed):
    with open(printed, "wb") as file:
        for descriptor in (1, 2):
            os.dup2(file.fileno(), descriptor)
    os.environ.update(variables)
    sys.argv = [program, *arguments]
    sys.path.insert(0, str(pathlib.Path(program).parent))
    runpy.run_path(program, run_name="__main__")


class ForkedProgram:
    """A Python program that has been started.

    Args:
        program: Path of the file.
        arguments: Its arguments.
        printed: Path of the file for what it prints.
        variables: Environment variables.
    """

    def __init__(self, program, arguments, printed, **variables):
        self._printed = pathlib.Path(printed)
        arguments = str(program), [*map(str, arguments)], variables, str(printed)
        self._process = _PROCESSES.Process(target=_run, args=arguments)
        self._process.start()

    def kill(self):
        """Kills it, if it has not ended."""
        self._process.kill()

    def wait(self, timeout=300):
        """Waits for its end; returns its exit status, or minus the signal that killed it."""
        self._process.join(timeout)
        if self._process.exitcode is None:
            self.kill()
            raise TimeoutError(f"No end in {timeout} s: {self.printed}")
        return self._process.exitcode

    @property
    def printed(self):
        """What it has printed so far."""
        return self._printed.read_text()
