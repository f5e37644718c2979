"""The process that trains: its errors, its end, and what it leaves behind."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import time

import networks
import pytest

from keras_shiftadd.compression import ConstantSparsity, _child_process, prune

pytestmark = [pytest.mark.once, networks.NEEDS_MODEL_OPTIMIZATION]


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """Where temporary folders are made."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def run_instead(monkeypatch):
    """Puts a program in the place of the one that trains."""

    def replace(program):
        monkeypatch.setattr(_child_process, "_RUN", textwrap.dedent(program))

    return replace


def start():
    x, y = networks.data(32)
    return prune(networks.network(), ConstantSparsity(0.5, 0, frequency=1), x, y)


def test_a_process_that_is_killed_is_reported(folders, run_instead):
    run_instead("import os; os.kill(os.getpid(), 9)")
    with pytest.raises(RuntimeError, match=r"the model is as it was.*signal 9"):
        start()
    assert list(folders.iterdir()) == []


def test_the_last_words_of_a_process_are_shown(folders, run_instead):
    run_instead("import sys; print('out of luck', file=sys.stderr); sys.exit(3)")
    with pytest.raises(RuntimeError, match=r"exit status 3(.|\n)*out of luck"):
        start()
    assert list(folders.iterdir()) == []


def test_an_error_in_the_process_arrives(folders, run_instead):
    run_instead(
        """
        import json, pathlib, sys
        content = {"type": "ValueError", "message": "The loss must stay finite.", "traceback": ""}
        pathlib.Path(sys.argv[2], "error.json").write_text(json.dumps(content))
        sys.exit(1)
        """
    )
    with pytest.raises(ValueError, match="must stay finite"):
        start()


@pytest.fixture
def interruptible():
    """Ctrl-C is heard; in a process that a shell put into the background it is not."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_an_interruption_ends_the_process(folders, run_instead):
    mark = folders.parent / "process"
    run_instead(
        f"""
        import os, pathlib, time
        pathlib.Path({str(mark)!r}).write_text(str(os.getpid()))
        time.sleep(60)
        """
    )

    def interrupt():
        while not (mark.exists() and mark.read_text()):
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        start()
    thread.join()
    assert not is_running(int(mark.read_text()))
    assert list(folders.iterdir()) == []


def test_the_process_ends_with_the_one_that_started_it(tmp_path):
    folder = tmp_path / "job"
    folder.mkdir()
    code = (
        "import threading, time, pathlib, sys; from keras_shiftadd.compression._child import main;"
        "threading.Thread(target=main._end_with_parent, args=(pathlib.Path(sys.argv[1]),),"
        " daemon=True).start(); print('started', flush=True); time.sleep(60)"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout.readline() == "started\n"
    child.stdin.close()
    assert child.wait(30) == 1
    assert not folder.exists()


def is_running(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


ENVIRONMENT = """
import json, os, sys
{first}
import keras
import keras_shiftadd.compression as compression
sys.path.insert(0, {tests!r})
import networks
before = dict(os.environ)
x, y = networks.data(32)
model = keras.Sequential([keras.Input(x.shape[1:]), keras.layers.Flatten(), keras.layers.Dense(3)])
model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
schedule = compression.ConstantSparsity(0.5, 0, frequency=1)
pruned = compression.prune(model, schedule, x, y, verbose=0)
names = [name for name in sys.modules if name.startswith(("tf_keras", "tensorflow_model_opt"))]
{last}
print(json.dumps({{
    "environment": dict(os.environ) == before,
    "modules": names,
    "backend": keras.backend.backend(),
    "keras": tf.keras.__name__ + " " + tf.keras.version(),
}}))
"""


@pytest.mark.parametrize("first", ["tensorflow", "compression"])
def test_nothing_of_model_optimization_is_left(first):
    load = "import tensorflow as tf"
    parts = {"first": load, "last": ""} if first == "tensorflow" else {"first": "", "last": load}
    code = ENVIRONMENT.format(tests=str(pathlib.Path(__file__).parent), **parts)
    environment = {**os.environ, "KERAS_BACKEND": "torch"}
    environment.pop("TF_USE_LEGACY_KERAS", None)
    output = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        timeout=600,
    )
    assert output.returncode == 0, output.stderr[-3000:]
    result = json.loads(output.stdout.splitlines()[-1])
    assert result["environment"]
    assert result["modules"] == []
    assert result["backend"] == "torch"
    assert result["keras"].split()[1].startswith("3.")
