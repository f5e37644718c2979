"""Searches whose processes are killed at random moments: is a trial lost, or counted twice?

    python benchmarks/search_kills.py [--kills 5] [--seed 0] [--json FILE]

Three searches: of one process, which is killed and started again; of a chief and workers, whose
workers are killed; the same, whose chief is killed. The search of one process is compared with one
that was not interrupted: every trial, its score, the population and the Pareto front.
"""

import argparse
import json
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time

import machine
import search_workers


def read(folder: str) -> dict:
    """The state of a search, from its files."""
    project = pathlib.Path(folder) / "search"
    state = json.loads((project / "oracle.json").read_text())
    trials = {
        file.parent.name: json.loads(file.read_text()) for file in project.glob("*/trial.json")
    }
    return {"state": state, "trials": trials}


def summarize(folder: str, trials: int) -> dict:
    """Counts what may not be: trials that are missing, unfinished or counted more than once."""
    found = read(folder)
    ended = found["state"]["end_order"]
    observations = [
        len(observed["value"])
        for trial in found["trials"].values()
        for observed in trial["metrics"]["metrics"]["score"]["observations"]
    ]
    begun = len(search_workers.runs(folder))
    return {
        "trials": trials,
        "lost": trials - len(set(ended)),
        "counted_twice": len(ended) - len(set(ended)) + sum(observations) - len(observations),
        "not_completed": sum(trial["status"] != "COMPLETED" for trial in found["trials"].values()),
        "finished_runs": begun,
    }


def comparable(folder: str) -> dict:
    """What a search found, without dates."""
    found = read(folder)
    hybrid = found["state"]["hybrid"]
    scores = {
        name: (trial["hyperparameters"]["values"], trial["score"])
        for name, trial in found["trials"].items()
    }
    return {"hybrid": hybrid, "scores": scores, "end_order": found["state"]["end_order"]}


def moment(rng: random.Random, folder: str, seconds: float) -> None:
    """Waits for a random moment after the next trial of the folder."""
    file = pathlib.Path(folder) / "runs.txt"
    before = file.stat().st_size if file.exists() else 0
    while (file.stat().st_size if file.exists() else 0) == before:
        time.sleep(0.002)
    time.sleep(rng.uniform(0.0, 3 * seconds))


def one_process(rng: random.Random, kills: int, trials: int, seconds: float) -> dict:
    """Kills and starts again; compares with a search that was left alone."""
    with tempfile.TemporaryDirectory() as whole, tempfile.TemporaryDirectory() as folder:
        specification = {"trials": trials, "seconds": seconds}
        undisturbed = search_workers.start({**specification, "folder": whole})
        killed = 0
        while True:
            process = search_workers.start({**specification, "folder": folder})
            if killed == kills:
                break
            moment(rng, folder, seconds)
            process.kill()
            killed += process.wait() == -signal.SIGKILL
        status = [process.wait(), undisturbed.wait()]
        result = summarize(folder, trials)
        same = comparable(folder) == comparable(whole)
        return {**result, "kills": killed, "status": status, "same_as_uninterrupted": same}


def many(rng: random.Random, kills: int, trials: int, seconds: float, victims: list[str]) -> dict:
    """Kills one of the victims at a time, and starts it again."""
    with tempfile.TemporaryDirectory() as folder:
        specification = {"folder": folder, "trials": trials, "seconds": seconds}
        port = search_workers.free_port()
        processes: dict[str, subprocess.Popen] = {}
        for name in ("chief", "worker-1", "worker-2", "worker-3"):
            processes[name] = search_workers.start(specification, name, port)
        killed = 0
        while killed < kills and processes["chief"].poll() is None:
            moment(rng, folder, seconds)
            name = rng.choice(victims)
            processes[name].kill()
            killed += processes[name].wait() == -signal.SIGKILL
            processes[name] = search_workers.start(specification, name, port)
        status = [process.wait() for process in processes.values()]
        return {**summarize(folder, trials), "kills": killed, "status": status}


def main() -> None:
    """Prints what became of the searches; the status is 1 if a trial was lost or counted twice."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=5, help="kills of each search")
    parser.add_argument("--trials", type=int, default=60, help="trials of each search")
    parser.add_argument("--seconds", type=float, default=0.3, help="length of a trial")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    machine.add_json_argument(parser)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    common = (rng, options.kills, options.trials, options.seconds)
    workers = ["worker-1", "worker-2", "worker-3"]
    searches = {
        "one process": lambda: one_process(*common),
        "workers of a chief": lambda: many(*common, workers),
        "chief": lambda: many(*common, ["chief"]),
    }
    figures, good = {}, True
    for name, run in searches.items():
        result = figures[name] = run()
        good &= not (result["lost"] or result["counted_twice"] or any(result["status"]))
        good &= result.get("same_as_uninterrupted", True)
        print(f"{name}: {result}", flush=True)
    machine.write(options.json, {"seed": options.seed, "searches": figures})
    sys.exit(not good)


if __name__ == "__main__":
    main()
