"""A search that is killed in the training of its supernet or in its trials."""

import json
import pathlib

import pytest
from forked_programs import ForkedProgram

PROGRAM = pathlib.Path(__file__).with_name("search_program.py")

# Each run is a process of its own; how a search resumes does not depend on the backend, and this
# one starts quickest.
pytestmark = pytest.mark.once


def run(folder, *arguments):
    program = ForkedProgram(PROGRAM, [folder, *arguments], folder / "printed.txt")
    return program.wait(), program.printed


def outcome(folder):
    return json.loads((folder / "outcome.json").read_text())


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("uninterrupted")
    status, printed = run(folder)
    assert status == 0, printed
    return outcome(folder)


def test_killed_in_training_ends_as_if_it_had_not_been(uninterrupted, tmp_path):
    assert run(tmp_path, "--kill-after-epoch", 2)[0] == -9
    status, printed = run(tmp_path)
    assert status == 0, printed
    assert outcome(tmp_path) == uninterrupted


def test_killed_in_training_trains_no_epoch_twice(tmp_path):
    assert run(tmp_path, "--kill-after-epoch", 2, "--trials", 1)[0] == -9
    status, printed = run(tmp_path, "--trials", 1)
    assert status == 0, printed
    assert (tmp_path / "epochs.txt").read_text().split() == ["0", "1", "2", "3"]


def test_killed_in_a_trial_ends_as_if_it_had_not_been(uninterrupted, tmp_path):
    assert run(tmp_path, "--kill-in-trial", 6)[0] == -9
    status, printed = run(tmp_path)
    assert status == 0, printed
    assert outcome(tmp_path) == uninterrupted
