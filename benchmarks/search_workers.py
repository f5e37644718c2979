"""Trials an hour with one process and with workers, and memory over many trials.

    python benchmarks/search_workers.py [--workers 3] [--json FILE]

Trials sleep, so that the figures are those of the search and not of the processor. Trials a second
are counted from the beginning of the first trial to the end of the last one: starting Python and
Keras is not in it.
"""

import argparse
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time

import machine

PROCESS = pathlib.Path(__file__).with_name("search_process.py")


def environment(tuner_id: str | None = None, port: int | None = None) -> dict[str, str]:
    """Variables of a process: alone, or the chief or a worker of a search."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("KERASTUNER_")}
    clean |= {"OMP_NUM_THREADS": "1", "no_grpc_proxy": "127.0.0.1"}
    if tuner_id is None:
        return clean
    return {
        **clean,
        "KERASTUNER_TUNER_ID": tuner_id,
        "KERASTUNER_ORACLE_IP": "127.0.0.1",
        "KERASTUNER_ORACLE_PORT": str(port),
    }


def start(
    specification: dict, tuner_id: str | None = None, port: int | None = None
) -> subprocess.Popen:
    """Starts a process; what it prints goes to a file of its folder."""
    log = pathlib.Path(specification["folder"]) / f"{tuner_id or 'alone'}.log"
    with log.open("a") as file:
        return subprocess.Popen(
            [sys.executable, PROCESS, json.dumps(specification)],
            env=environment(tuner_id, port),
            stdout=file,
            stderr=subprocess.STDOUT,
        )


def free_port() -> int:
    """A port of this machine."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def runs(folder: str) -> list[tuple[str, str, float, float, float]]:
    """What the processes wrote down."""
    lines = (pathlib.Path(folder) / "runs.txt").read_text().splitlines()
    return [tuple(json.loads(line)) for line in lines]


def search(workers: int, **specification) -> list[tuple[str, str, float, float, float]]:
    """Runs a search with so many workers, or in one process, and returns its runs."""
    with tempfile.TemporaryDirectory() as folder:
        specification["folder"] = folder
        if workers:
            port = free_port()
            names = ["chief", *(f"worker-{i}" for i in range(workers))]
            processes = [start(specification, name, port) for name in names]
        else:
            processes = [start(specification)]
        for process in processes:
            if process.wait():
                sys.exit(f"a process ended with status {process.returncode}")
        return runs(folder)


def throughput(workers: int, trials: int, seconds: float) -> dict:
    """Trials a second."""
    done = search(workers, trials=trials, seconds=seconds)
    begin, end = min(run[2] for run in done), max(run[3] for run in done)
    assert len(done) == trials
    return {
        "workers": workers,
        "trials_per_second": trials / (end - begin),
        "by_worker": {name: sum(run[0] == name for run in done) for name in {r[0] for r in done}},
    }


def memory(trials: int, oracle: str) -> dict:
    """Memory of one process in the course of a search, in MiB."""
    begin = time.time()
    done = search(0, trials=trials, seconds=0.0, oracle=oracle)
    marks = sorted({10, trials // 4, trials // 2, trials})
    return {
        "oracle": oracle,
        "mib": {mark: done[mark - 1][4] for mark in marks},
        "seconds_per_trial": (done[-1][3] - done[0][2]) / trials,
        "total_seconds": time.time() - begin,
    }


def main() -> None:
    """Prints the ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--trials", type=int, default=36, help="of the search that is timed")
    parser.add_argument("--seconds", type=float, default=1.0, help="length of its trials")
    parser.add_argument("--memory-trials", type=int, default=200)
    parser.add_argument("--repeats", type=int, default=3)
    machine.add_json_argument(parser)
    options = parser.parse_args()

    ratios, rows = [], []
    for _ in range(options.repeats):
        alone = throughput(0, options.trials, options.seconds)
        many = throughput(options.workers, options.trials, options.seconds)
        ratios.append(many["trials_per_second"] / alone["trials_per_second"])
        rows.append({"alone": alone, "many": many, "ratio": ratios[-1]})
        print(
            f"one process: {alone['trials_per_second']:.2f} trials/s; chief and "
            f"{options.workers} workers: {many['trials_per_second']:.2f}; ratio {ratios[-1]:.2f}",
            flush=True,
        )
    figures: dict = {"throughput": rows, "memory": []}
    for oracle in ("hybrid", "keras_tuner"):
        figures["memory"].append(measured := memory(options.memory_trials, oracle))
        course = ", ".join(f"{mib:.0f} after {mark}" for mark, mib in measured["mib"].items())
        first, *_, last = measured["mib"].values()
        print(
            f"memory, {oracle}: {course} trials (MiB); growth {last - first:+.1f} MiB; "
            f"{1000 * measured['seconds_per_trial']:.0f} ms a trial"
        )
    machine.write(options.json, figures)


if __name__ == "__main__":
    main()
