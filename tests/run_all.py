"""Runs ruff, mypy, and the test suite once per backend; prints a summary line for each.

    python tests/run_all.py [--backend tensorflow|jax|torch ...] [--no-lint] [pytest arguments ...]

The exit status is zero only if everything passed.
"""

import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BACKENDS = ("tensorflow", "jax", "torch")
JAX_CACHE = {
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "0",
}
LINT = (
    ("ruff check", ["-m", "ruff", "check", "."]),
    ("ruff format", ["-m", "ruff", "format", "--check", "."]),
    ("mypy", ["-m", "mypy"]),
)


def run(name: str, arguments: list[str], **variables: str) -> tuple[bool, str]:
    """Runs a Python module, passing its output through; returns success and a summary line."""
    start = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    last = ""
    assert process.stdout is not None
    for line in process.stdout:
        print(line, end="", flush=True)
        if re.search(r"\b(passed|failed|error)\b.* in ", line):
            last = line.strip(" =\n")
    passed = process.wait() == 0
    verdict = "ok" if passed else "FAILED"
    return passed, f"{name}: {verdict} ({time.monotonic() - start:.0f} s) {last}".rstrip()


def main() -> int:
    """Runs what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backend", action="append", choices=BACKENDS)
    parser.add_argument("--no-lint", action="store_true")
    options, pytest_arguments = parser.parse_known_args()
    results = []
    if not options.no_lint:
        results += [run(name, arguments) for name, arguments in LINT]
    # Two workers: the frameworks' own threads gain nothing on tensors of test size. A file stays
    # with one of them, which compiles what its tests share once; conftest.py orders the files.
    pytest = [
        "-m",
        "pytest",
        "-q",
        "-n",
        "2",
        "--dist",
        "loadfile",
        "--no-loadscope-reorder",
        "--durations=40",
        *pytest_arguments,
    ]
    for backend in options.backend or BACKENDS:
        print(f"\n=== {backend} ===", flush=True)
        # What one worker has compiled with JAX the other reads.
        with tempfile.TemporaryDirectory() as compiled:
            cache = {"JAX_COMPILATION_CACHE_DIR": compiled, **JAX_CACHE}
            results.append(run(backend, pytest, KERAS_BACKEND=backend, **cache))
    print("\n=== summary ===")
    for _, line in results:
        print(line)
    return 0 if all(passed for passed, _ in results) else 1


if __name__ == "__main__":
    sys.exit(main())
