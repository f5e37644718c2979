"""The command `search`: a script as a chief and workers."""

import json
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from keras_shiftadd.cli import main
from keras_shiftadd.cli._search_processes import SearchProcesses

# What the scripts of these tests begin with.
HEAD = """
import json, os, pathlib, signal, sys, time
folder = pathlib.Path(__file__).parent
name = os.environ["KERASTUNER_TUNER_ID"]
chief = name == "chief"
def wait_for(*files):
    while not all((folder / file).exists() for file in files):
        time.sleep(0.01)
def first(what):
    try:
        (folder / what).open("x").close()
    except FileExistsError:
        return False
    return True
"""


@pytest.fixture
def search(tmp_path):
    """Writes a script and runs the command."""

    def run(body, *arguments, workers=2, options=()):
        script = tmp_path / "script.py"
        script.write_text(HEAD + body)
        return main(["search", "--workers", str(workers), *options, str(script), *arguments])

    return run


def test_a_script_runs_as_chief_and_workers_of_one_address(search, tmp_path):
    body = """
variables = {key: os.environ[key] for key in os.environ if key.startswith("KERASTUNER_")}
(folder / f"{name}.part").write_text(json.dumps([variables, sys.argv[1:]]))
(folder / f"{name}.part").rename(folder / f"{name}.json")
wait_for("chief.json", "worker-1.json", "worker-2.json")
"""
    assert search(body, "--epochs", "3") == 0
    found = {file.stem: json.loads(file.read_text()) for file in tmp_path.glob("*.json")}
    assert set(found) == {"chief", "worker-1", "worker-2"}
    for name, (variables, arguments) in found.items():
        assert variables["KERASTUNER_TUNER_ID"] == name
        assert variables["KERASTUNER_ORACLE_IP"] == "127.0.0.1"
        assert arguments == ["--epochs", "3"]
    assert len({variables["KERASTUNER_ORACLE_PORT"] for variables, _ in found.values()}) == 1


def test_output_is_shown_with_names(search, capsys):
    assert search("print('hello\\nagain')") == 0
    lines = capsys.readouterr().out.splitlines()
    assert sorted(line for line in lines if "hello" in line) == [
        "chief | hello",
        "worker-1 | hello",
        "worker-2 | hello",
    ]
    assert "chief | again" in lines


def test_output_goes_to_files_of_a_folder(search, tmp_path, capsys):
    logs = tmp_path / "logs"
    body = "print('hello'); print('bad', file=sys.stderr)"
    assert search(body, options=["--logs", str(logs)]) == 0
    assert {file.name for file in logs.iterdir()} == {"chief.log", "worker-1.log", "worker-2.log"}
    assert sorted((logs / "worker-2.log").read_text().splitlines()) == ["bad", "hello"]
    assert "hello" not in capsys.readouterr().out


def test_a_worker_that_dies_is_started_again_under_its_name(search, tmp_path, capsys):
    body = """
if chief:
    wait_for("done")
elif name == "worker-1" and first("killed"):
    os.kill(os.getpid(), signal.SIGKILL)
elif name == "worker-1":
    (folder / "done").touch()
"""
    assert search(body) == 0
    assert "worker-1 died (signal SIGKILL); starting it again" in capsys.readouterr().err


def test_workers_that_die_too_often_end_the_search(search, tmp_path, capsys):
    body = """
if chief:
    time.sleep(600)
with (folder / f"{name}.txt").open("a") as file:
    file.write("x")
sys.exit(7)
"""
    assert search(body, options=["--restarts", "2"]) == 1
    assert "all workers died, the last one with exit status 7" in capsys.readouterr().err
    assert [(tmp_path / f"worker-{i}.txt").read_text() for i in (1, 2)] == ["xxx", "xxx"]


def test_one_worker_is_enough_to_go_on(search):
    body = """
if chief:
    wait_for("done")
elif name == "worker-2":
    sys.exit(7)
else:
    time.sleep(0.5)
    (folder / "done").touch()
"""
    assert search(body, options=["--restarts", "0"]) == 0


def test_a_chief_that_fails_is_the_failure_of_the_search(search, capsys):
    body = """
if chief:
    sys.exit(5)
time.sleep(600)
"""
    assert search(body) == 1
    assert "the chief failed (exit status 5)" in capsys.readouterr().err


def test_workers_that_outlast_the_chief_are_ended(search, monkeypatch):
    monkeypatch.setattr("keras_shiftadd.cli._search_processes._LAST_SECONDS", 0.5)
    assert search("chief or time.sleep(600)") == 0


@pytest.mark.once
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_reach_the_processes(tmp_path, number):
    script = tmp_path / "script.py"
    script.write_text(
        HEAD
        + """
def stop(number, frame):
    (folder / f"{name}.stopped").write_text(str(number))
    sys.exit(1)
signal.signal(signal.SIGINT, stop)
signal.signal(signal.SIGTERM, stop)
(folder / f"{name}.ready").touch()
time.sleep(600)
"""
    )
    command = [sys.executable, "-m", "keras_shiftadd", "search", "--workers", "1", str(script)]
    process = subprocess.Popen(command)
    ready = [tmp_path / f"{name}.ready" for name in ("chief", "worker-1")]
    while not all(file.exists() for file in ready):
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(number)
    assert process.wait(60) == 128 + number
    stopped = {file.stem: file.read_text() for file in tmp_path.glob("*.stopped")}
    assert stopped == dict.fromkeys(["chief", "worker-1"], str(int(number)))


@pytest.mark.parametrize(
    "arguments",
    [
        ("script.py",),
        ("--workers", "0", "script.py"),
        ("--workers", "two", "script.py"),
        ("--workers", "2", "--restarts", "-1", "script.py"),
        ("--workers", "2"),
    ],
    ids=" ".join,
)
def test_bad_usage_has_status_2(arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["search", *arguments])
    assert stopped.value.code == 2
    assert "error: " in capsys.readouterr().err


def test_a_script_that_is_not_there_is_refused(tmp_path, capsys):
    assert main(["search", "--workers", "2", str(tmp_path / "none.py")]) == 2
    assert "`script` must be a Python file" in capsys.readouterr().err


@pytest.mark.once
def test_a_search_of_trials_runs_to_its_end(tmp_path):
    """The whole: script, chief, workers, one of which is killed."""
    program = pathlib.Path(__file__).parents[1] / "tuners" / "score_tuner.py"
    command = [sys.executable, str(program), str(tmp_path), "--kill-in-run", "2"]
    processes = SearchProcesses(command, workers=2, restarts=1, logs=tmp_path, port=0)
    assert processes.run() == 0
    assert (tmp_path / "killed.txt").exists()
    assert "chief: 20 trials have ended" in (tmp_path / "chief.log").read_text()
    for name in ("worker-1", "worker-2"):
        assert "20 trials have ended" in (tmp_path / f"{name}.log").read_text()
