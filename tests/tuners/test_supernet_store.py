"""Checkpoints of a supernet, and the lock that lets one process train it."""

import json
import os
import socket
import threading

import numpy as np
import pytest

from keras_shiftadd.tuners._supernet.store import SupernetStore


class Variable:
    """As much of a variable as a checkpoint needs."""

    def __init__(self, value):
        self.value = np.asarray(value, "float32")

    def __array__(self, dtype=None, copy=None):
        return self.value

    def assign(self, value):
        self.value = np.asarray(value)


class Network:
    """As much of a compiled supernet as a checkpoint needs."""

    def __init__(self, weight, slot):
        self.variables = [Variable(weight)]
        self.optimizer = type("Optimizer", (), {"variables": [Variable(slot)]})()


@pytest.fixture
def store(tmp_path):
    return SupernetStore(tmp_path / "supernet", {"seed": 1, "sizes": (1, 2)})


def test_a_new_store_has_no_state(store):
    assert store.state() is None
    assert not store.is_trained()


def test_a_store_that_is_only_asked_makes_no_folder(store):
    store.state()
    assert not store.folder.exists()


def test_weights_and_slots_come_back(store):
    store.save(Network([1.0, 2.0], [3.0]), 1, 2, [{"loss": 0.5}])
    network = Network([0.0, 0.0], [0.0])
    store.load(network)
    np.testing.assert_array_equal(network.variables[0].value, [1.0, 2.0])
    np.testing.assert_array_equal(network.optimizer.variables[0].value, [3.0])


def test_the_state_says_how_far_training_is(store):
    store.save(Network([1.0], [3.0]), 1, 2, [{"loss": 0.5}])
    state = store.state()
    assert (state["epochs"], state["of"], state["logs"]) == (1, 2, [{"loss": 0.5}])
    assert not store.is_trained()


def test_training_has_ended_after_the_last_epoch(store):
    store.save(Network([1.0], [3.0]), 2, 2, [])
    assert store.is_trained()


def test_a_checkpoint_of_another_supernet_is_refused(store):
    store.save(Network([1.0], [3.0]), 2, 2, [])
    other = SupernetStore(store.folder, {"seed": 2, "sizes": (1, 2)})
    with pytest.raises(ValueError, match="These differ: seed"):
        other.state()


def test_a_damaged_checkpoint_is_named(store):
    store.save(Network([1.0], [3.0]), 2, 2, [])
    (store.folder / "weights.npz").write_bytes(b"PK\x03\x04 cut off")
    with pytest.raises(ValueError, match="cannot be read"):
        store.state()


def test_saving_leaves_no_other_files(store):
    store.save(Network([1.0], [3.0]), 2, 2, [])
    assert [path.name for path in store.folder.iterdir()] == ["weights.npz"]


def test_a_full_disk_keeps_the_old_checkpoint(store, monkeypatch):
    store.save(Network([1.0], [3.0]), 1, 2, [])

    def write_a_part(file, **arrays):
        file.write(b"PK")
        raise OSError("No space left on device")

    monkeypatch.setattr(np, "savez", write_a_part)
    with pytest.raises(OSError, match="No space left"):
        store.save(Network([1.0], [3.0]), 2, 2, [])
    assert store.state()["epochs"] == 1
    assert [path.name for path in store.folder.iterdir()] == ["weights.npz"]


def test_calibration_samples_are_kept_from_the_first_time(store):
    store.save_calibration(np.ones(3))
    store.save_calibration(np.zeros(3))
    np.testing.assert_array_equal(store.calibration(), np.ones(3))


def test_the_lock_is_given_back(store):
    with store.training_lock() as may_train:
        assert may_train
        assert (store.folder / "training.lock").exists()
    assert not (store.folder / "training.lock").exists()


def test_the_lock_of_a_dead_process_is_taken_over(store):
    store.folder.mkdir()
    dead = {"host": socket.gethostname(), "process": 2**22 + 1}
    (store.folder / "training.lock").write_text(json.dumps(dead))
    with store.training_lock() as may_train:
        assert may_train


def test_the_silent_lock_of_another_machine_is_taken_over(store):
    store.folder.mkdir()
    lock = store.folder / "training.lock"
    lock.write_text(json.dumps({"host": "elsewhere", "process": 1}))
    os.utime(lock, (0, 0))
    with store.training_lock() as may_train:
        assert may_train


def test_who_waits_need_not_train_when_another_has(store):
    found = []
    with store.training_lock() as first:

        def wait():
            with store.training_lock() as second:
                found.append(second)

        # The lock's owner is this very process, which is alive: it shows as another machine's.
        lock = store.folder / "training.lock"
        lock.write_text(json.dumps({"host": "elsewhere", "process": 1}))
        waiting = threading.Thread(target=wait)
        waiting.start()
        store.save(Network([1.0], [3.0]), 2, 2, [])
        waiting.join(timeout=30)
    assert first
    assert found == [False]
