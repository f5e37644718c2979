"""A chief and workers as processes, some of which are killed."""

import pathlib
import signal
import socket
import time

import pytest
from forked_programs import ForkedProgram
from score_tuner import make_tuner, runs

PROGRAM = pathlib.Path(__file__).with_name("score_tuner.py")
TRIALS = 12

pytestmark = pytest.mark.once


@pytest.fixture
def start(tmp_path):
    """Starts a process of a search; ends all of them after the test."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    started = []

    def start_process(name, *arguments):
        environment = {
            "KERASTUNER_TUNER_ID": name,
            "KERASTUNER_ORACLE_IP": "127.0.0.1",
            "KERASTUNER_ORACLE_PORT": str(port),
            "no_grpc_proxy": "127.0.0.1",
        }
        command = [tmp_path, "--trials", TRIALS, "--seconds", 0.1, *arguments]
        printed = tmp_path / f"{len(started)}.txt"
        started.append(ForkedProgram(PROGRAM, command, printed, **environment))
        return started[-1]

    yield start_process
    for process in started:
        process.kill()
        process.wait()


def wait_for_runs(folder, count):
    deadline = time.monotonic() + 120
    while len(runs(folder)) < count:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def assert_all_ended_well(processes):
    assert [process.wait(120) for process in processes] == [0] * len(processes)


def result(folder):
    """The search as a later process sees it."""
    oracle = make_tuner(folder, TRIALS).oracle
    assert len(oracle.end_order) == len(set(oracle.end_order)) == TRIALS
    assert [record["status"] for record in oracle.history()] == ["COMPLETED"] * TRIALS
    for trial in oracle.trials.values():
        (observed,) = trial.metrics.get_history("score")
        assert len(observed.value) == 1
    return oracle


def test_the_trial_of_a_killed_worker_is_run_by_another(tmp_path, start):
    chief = start("chief", "--trial-timeout", "2")
    victim = start("victim", "--kill-in-run", "2", "--trial-timeout", "2")
    assert victim.wait(120) == -signal.SIGKILL
    worker = start("worker", "--trial-timeout", "2")
    assert_all_ended_well([worker, chief])
    result(tmp_path)
    begun = [trial_id for _, trial_id in runs(tmp_path)]
    lost = runs(tmp_path)[1][1]
    assert sorted(begun) == sorted([*(f"{i:02d}" for i in range(TRIALS)), lost])
    assert begun.count(lost) == 2


def test_workers_go_on_with_a_chief_that_was_killed_and_started_again(tmp_path, start):
    chief = start("chief")
    workers = [start("worker-1"), start("worker-2")]
    wait_for_runs(tmp_path, 4)
    chief.kill()
    chief.wait()
    time.sleep(0.5)
    chief = start("chief")
    assert_all_ended_well([*workers, chief])
    result(tmp_path)
    # What ran while the chief was away was not run again.
    assert sorted(trial_id for _, trial_id in runs(tmp_path)) == [f"{i:02d}" for i in range(TRIALS)]
    assert {tuner_id for tuner_id, _ in runs(tmp_path)} == {"worker-1", "worker-2"}


def test_a_worker_without_a_chief_gives_up_with_an_error(tmp_path, monkeypatch):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
        monkeypatch.setenv("KERASTUNER_TUNER_ID", "worker")
        monkeypatch.setenv("KERASTUNER_ORACLE_IP", "127.0.0.1")
        monkeypatch.setenv("KERASTUNER_ORACLE_PORT", port)
        tuner = make_tuner(tmp_path, chief_timeout=0.2)
        for ask in (tuner.search, tuner.wait_for_chief):
            with pytest.raises(ConnectionError, match=rf"127.0.0.1:{port}.*`chief_timeout`"):
                ask()


@pytest.mark.parametrize(
    ("tuner_id", "leads"), [(None, True), ("chief", True), ("worker-1", False)]
)
def test_one_process_leads(tmp_path, monkeypatch, tuner_id, leads):
    if tuner_id is not None:
        monkeypatch.setenv("KERASTUNER_TUNER_ID", tuner_id)
        monkeypatch.setenv("KERASTUNER_ORACLE_IP", "127.0.0.1")
        monkeypatch.setenv("KERASTUNER_ORACLE_PORT", "1")
    assert make_tuner(tmp_path).is_leader is leads


def test_a_worker_does_not_overwrite_what_its_chief_has(tmp_path, monkeypatch):
    make_tuner(tmp_path, trials=2).search(verbose=0)
    monkeypatch.setenv("KERASTUNER_TUNER_ID", "worker-1")
    monkeypatch.setenv("KERASTUNER_ORACLE_IP", "127.0.0.1")
    monkeypatch.setenv("KERASTUNER_ORACLE_PORT", "1")
    make_tuner(tmp_path, overwrite=True)
    assert (tmp_path / "search" / "oracle.json").exists()
