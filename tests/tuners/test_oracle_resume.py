"""A search that was killed at any moment goes on as if nothing had happened."""

import json
import os
import pathlib
import signal

import pytest
from forked_programs import ForkedProgram
from priced_space import tiny_space
from score_tuner import make_tuner, outcome, runs

from keras_shiftadd.cost import Budget

PROGRAM = pathlib.Path(__file__).with_name("score_tuner.py")
TRIALS = 8

pytestmark = pytest.mark.once


class Killed(BaseException):
    """Stands for the end of the process: nothing catches it."""


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    tuner = make_tuner(tmp_path_factory.mktemp("whole"), trials=TRIALS)
    tuner.search(verbose=0)
    return outcome(tuner.oracle)


def search(folder, **options):
    tuner = make_tuner(folder, trials=TRIALS, **options)
    tuner.search(verbose=0, folder=folder)
    return outcome(tuner.oracle)


def kill_after(writes, folder, monkeypatch):
    """Runs a search that ends when it has written so many files."""
    original, done = os.replace, []

    def replace(source, target):
        if len(done) == writes:
            raise Killed
        original(source, target)
        done.append(target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", replace)
        with pytest.raises(Killed):
            search(folder)


# Each moment of a trial, for the first two trials and for two that are children of others.
@pytest.mark.parametrize("writes", [*range(16), *range(37, 51)])
def test_killed_between_two_files(tmp_path, monkeypatch, uninterrupted, writes):
    kill_after(writes, tmp_path, monkeypatch)
    assert search(tmp_path) == uninterrupted


def test_a_result_that_was_saved_is_not_computed_again(tmp_path, monkeypatch):
    # Two files of the search, two of the trial and one of its metrics before the result.
    kill_after(6, tmp_path, monkeypatch)
    trial = json.loads((tmp_path / "search" / "trial_0" / "trial.json").read_text())
    state = json.loads((tmp_path / "search" / "oracle.json").read_text())
    assert trial["status"] == "COMPLETED"
    assert state["end_order"] == []
    search(tmp_path)
    assert [trial_id for _, trial_id in runs(tmp_path)] == [str(i) for i in range(TRIALS)]


def test_killed_again_and_again(tmp_path, monkeypatch, uninterrupted):
    for _ in range(5):
        kill_after(8, tmp_path, monkeypatch)
    assert search(tmp_path) == uninterrupted


@pytest.mark.parametrize("run", [1, 7])
def test_process_killed_during_a_trial(tmp_path, uninterrupted, run):
    def status(*arguments):
        arguments = [tmp_path, "--trials", TRIALS, *arguments]
        return ForkedProgram(PROGRAM, arguments, tmp_path / "printed.txt").wait(120)

    assert status("--kill-in-run", run) == -signal.SIGKILL
    assert status() == 0
    begun = [trial_id for _, trial_id in runs(tmp_path)]
    assert sorted(begun) == sorted([*map(str, range(TRIALS)), str(run - 1)])
    assert search(tmp_path) == uninterrupted


def test_another_tuner_goes_on_with_a_search(tmp_path, monkeypatch, uninterrupted):
    kill_after(12, tmp_path, monkeypatch)
    monkeypatch.setenv("KERASTUNER_TUNER_ID", "other")
    assert search(tmp_path) == uninterrupted


def test_more_trials_go_on_from_those_there_are(tmp_path, uninterrupted):
    make_tuner(tmp_path, trials=5).search(verbose=0)
    assert search(tmp_path) == uninterrupted


def test_overwrite_begins_anew(tmp_path, uninterrupted):
    make_tuner(tmp_path, trials=5, seed=2).search(verbose=0)
    assert search(tmp_path, overwrite=True) == uninterrupted


def test_a_state_is_plain_json_of_the_search(tmp_path, uninterrupted):
    search(tmp_path)
    state = json.loads((tmp_path / "search" / "oracle.json").read_text())["hybrid"]
    assert state["population"] == uninterrupted["population"]
    assert state["pareto_front"] == uninterrupted["pareto_front"]
    assert state["proposals"] == TRIALS
    assert len(state["population"]) == 5


@pytest.mark.parametrize("changed", ["space", "budget"])
def test_another_space_or_budget_is_refused(tmp_path, monkeypatch, changed):
    search(tmp_path)
    options = {}
    if changed == "budget":
        options["budget"] = Budget(flash=100_000)
    else:
        monkeypatch.setattr("score_tuner.tiny_space", lambda: tiny_space(kernel_sizes=(3,)))
    with pytest.raises(ValueError, match=f"another {changed} than .*`overwrite=True`"):
        search(tmp_path, **options)


def test_nothing_but_whole_files_is_left(tmp_path):
    search(tmp_path)
    files = [path.name for path in (tmp_path / "search").rglob("*") if path.is_file()]
    assert sorted(set(files)) == ["oracle.json", "trial.json", "tuner0.json"]
