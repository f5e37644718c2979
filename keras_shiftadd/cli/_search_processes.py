"""The chief and the workers of a search on one machine."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

_HOST = "127.0.0.1"
_NO_PROXY = "no_grpc_proxy"
_POLL_SECONDS = 0.1
# Time for workers to hear that the chief has ended the search, and to end.
_LAST_SECONDS = 30.0
# Time between asking a process to end and ending it.
_TERMINATION_SECONDS = 10.0
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
CHIEF = "chief"


class SearchProcesses:
    """Starts a chief and workers, and waits for them.

    Args:
        command: what each of them runs.
        workers: number of workers.
        restarts: how often a worker that died is started again.
        logs: folder for what they print, or None to show it.
        port: port of the chief; 0 takes one that is free.
    """

    def __init__(
        self, command: list[str], workers: int, restarts: int, logs: Path | None, port: int
    ) -> None:
        self._command = command
        self._workers = [f"worker-{i}" for i in range(1, workers + 1)]
        self._restarts = dict.fromkeys(self._workers, restarts)
        self._logs = logs
        self._port = port or _free_port()
        self._processes: dict[str, subprocess.Popen[str]] = {}
        self._readers: list[threading.Thread] = []
        self._received: int | None = None

    def run(self) -> int:
        """Runs the search to its end.

        Returns:
            0 if the chief ended well, 1 if not, 128 plus the number of a signal that was received.
        """
        with self._forwarding_signals():
            try:
                for name in (CHIEF, *self._workers):
                    self._start(name)
                status = self._watch()
            finally:
                self._end_all()
                for reader in self._readers:
                    reader.join(_TERMINATION_SECONDS)
        return status if self._received is None else 128 + self._received

    def _watch(self) -> int:
        """Waits for the chief; starts workers that died again."""
        chief = self._processes[CHIEF]
        while chief.poll() is None and self._received is None:
            died = [name for name in self._workers if self._processes[name].poll()]
            for name in died:
                if self._restarts[name]:
                    self._restarts[name] -= 1
                    _say(f"{name} died ({self._ending(name)}); starting it again")
                    self._start(name)
            if len(died) == len(self._workers) and not any(map(self._is_running, died)):
                _say(f"all workers died, the last one with {self._ending(died[-1])}")
                return 1
            time.sleep(_POLL_SECONDS)
        if chief.poll() is None:
            return 1
        if chief.returncode:
            _say(f"the chief failed ({self._ending(CHIEF)})")
            return 1
        deadline = time.monotonic() + _LAST_SECONDS
        while any(map(self._is_running, self._workers)) and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
        return 0

    def _start(self, name: str) -> None:
        environment = {
            **os.environ,
            "KERASTUNER_TUNER_ID": name,
            "KERASTUNER_ORACLE_IP": _HOST,
            "KERASTUNER_ORACLE_PORT": str(self._port),
            # A proxy for the Internet must not stand between processes of one machine.
            _NO_PROXY: ",".join(filter(None, [os.environ.get(_NO_PROXY), _HOST])),
            "PYTHONUNBUFFERED": "1",
        }
        with contextlib.ExitStack() as stack:
            output: Any = subprocess.PIPE
            if self._logs is not None:
                output = stack.enter_context((self._logs / f"{name}.log").open("a"))
            process = subprocess.Popen(
                self._command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                # A signal from the terminal arrives once: from here.
                start_new_session=True,
            )
        self._processes[name] = process
        if process.stdout is not None:
            reader = threading.Thread(target=_show, args=(name, process.stdout), daemon=True)
            reader.start()
            self._readers.append(reader)

    def _is_running(self, name: str) -> bool:
        return self._processes[name].poll() is None

    def _ending(self, name: str) -> str:
        status = self._processes[name].returncode
        if status < 0:
            return f"signal {signal.Signals(-status).name}"
        return f"exit status {status}"

    def _end_all(self) -> None:
        # Those who have received a signal already are ending.
        if self._received is None:
            self._signal_all(signal.SIGTERM)
        deadline = time.monotonic() + _TERMINATION_SECONDS
        while any(map(self._is_running, self._processes)) and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
        self._signal_all(signal.SIGKILL)
        for process in self._processes.values():
            process.wait()

    def _signal_all(self, number: int) -> None:
        for process in self._processes.values():
            if process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, number)

    @contextlib.contextmanager
    def _forwarding_signals(self) -> Iterator[None]:
        def forward(number: int, frame: Any) -> None:
            # The second one ends what the first one did not.
            self._signal_all(number if self._received is None else signal.SIGKILL)
            self._received = number

        before = {number: signal.signal(number, forward) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _show(name: str, output: IO[str]) -> None:
    for line in output:
        print(f"{name} | {line.rstrip()}", flush=True)


def _say(message: str) -> None:
    print(f"keras-shiftadd search: {message}", file=sys.stderr, flush=True)
