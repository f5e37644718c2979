"""The files of a supernet in the directory of a search."""

import contextlib
import json
import os
import pathlib
import secrets
import socket
import threading
import time
import zipfile
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from keras import ops

from keras_shiftadd._whole_file import write_json, written_whole

if TYPE_CHECKING:
    from keras_shiftadd.tuners._supernet.shared_weights import SharedWeights

# A lock whose owner shows no sign of life for this long may be taken over.
_STALE_SECONDS = 60.0
_SIGN_SECONDS = 5.0


class SupernetStore:
    """Checkpoint, calibration samples and training lock of a supernet.

    Args:
        folder: where the files are; it is made when the first one is written.
        signature: what the weights belong to: space, arguments of the supernet. A checkpoint of
            another signature is refused.
    """

    def __init__(self, folder: str | os.PathLike[str], signature: dict[str, Any]) -> None:
        self.folder = pathlib.Path(folder)
        # As it reads when it comes back from a file.
        self.signature = json.loads(json.dumps(signature))
        self._checkpoint = self.folder / "weights.npz"
        self._calibration = self.folder / "calibration.npz"
        self._lock = self.folder / "training.lock"
        self._trials = self.folder / "trial_samples.npz"
        self._samples: Any = None
        self._trained_on: tuple[np.ndarray, np.ndarray] | None = None

    # Weights.

    def save(
        self, supernet: "SharedWeights", epochs: int, of: int, logs: list[dict[str, float]]
    ) -> None:
        """Writes all variables and how far training is.

        Args:
            supernet: a compiled supernet.
            epochs: number of epochs done.
            of: number of epochs that training takes.
            logs: the logs of each epoch.
        """
        state = {"signature": self.signature, "epochs": epochs, "of": of, "logs": logs}
        arrays: dict[str, Any] = {
            f"{i}": np.asarray(ops.convert_to_numpy(v)) for i, v in enumerate(_variables(supernet))
        }
        arrays["state"] = np.array(json.dumps(state))
        self.folder.mkdir(parents=True, exist_ok=True)
        with written_whole(self._checkpoint) as temporary, temporary.open("wb") as file:
            np.savez(file, **arrays)

    def state(self) -> dict[str, Any] | None:
        """How far training is: `epochs`, `of`, `logs`; None before the first checkpoint.

        Raises:
            ValueError: if the checkpoint belongs to another space or supernet, or is damaged.
        """
        if not self._checkpoint.exists():
            return None
        with self._read() as file:
            state = json.loads(str(file["state"]))
        if state["signature"] != self.signature:
            changed = sorted(
                key
                for key in {*state["signature"], *self.signature}
                if state["signature"].get(key) != self.signature.get(key)
            )
            raise ValueError(
                f"The supernet in {self.folder} must have been trained with the same arguments. "
                f"These differ: {', '.join(changed)}. Use another project_name, or overwrite=True."
            )
        return state

    def is_trained(self) -> bool:
        """Whether training has ended."""
        state = self.state()
        return state is not None and state["epochs"] >= state["of"]

    def load(self, supernet: "SharedWeights") -> None:
        """Reads all variables into a compiled supernet."""
        with self._read() as file:
            variables = _variables(supernet)
            for i, variable in enumerate(variables):
                variable.assign(file[f"{i}"])

    @contextlib.contextmanager
    def _read(self) -> Iterator[Any]:
        try:
            with np.load(self._checkpoint, allow_pickle=False) as file:
                yield file
        except (OSError, EOFError, KeyError, zipfile.BadZipFile) as error:
            raise ValueError(
                f"{self._checkpoint} must be a checkpoint of a supernet. It cannot be read: "
                f"{error}. Delete it to train the supernet again."
            ) from error

    # Samples to estimate statistics from, for whoever loads a model later.

    def save_calibration(self, x: Any) -> None:
        """Keeps samples, an array or a tuple of them, unless some are kept already."""
        if not self._calibration.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            with written_whole(self._calibration) as temporary, temporary.open("wb") as file:
                np.savez(file, *keras.tree.flatten(x))

    def calibration(self) -> Any:
        """The samples kept, or None."""
        if self._samples is None and self._calibration.exists():
            with np.load(self._calibration, allow_pickle=False) as file:
                arrays = tuple(file[name] for name in file.files)
            self._samples = arrays[0] if len(arrays) == 1 else arrays
        return self._samples

    # Samples that trials train on, where they do.

    def save_trial_samples(self, x: np.ndarray, y: np.ndarray) -> None:
        """Keeps samples, unless some are kept already."""
        if not self._trials.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            with written_whole(self._trials) as temporary, temporary.open("wb") as file:
                np.savez(file, x=x, y=y)

    def trial_samples(self) -> tuple[np.ndarray, np.ndarray] | None:
        """The samples kept, or None."""
        if self._trained_on is None and self._trials.exists():
            with np.load(self._trials, allow_pickle=False) as file:
                self._trained_on = file["x"], file["y"]
        return self._trained_on

    # One process trains, the others wait.

    @contextlib.contextmanager
    def training_lock(self) -> Iterator[bool]:
        """Waits until this process may train (True), or training has ended (False)."""
        while not self._take_lock():
            if self.is_trained():
                yield False
                return
            time.sleep(1.0)
        stop = threading.Event()
        sign = threading.Thread(target=self._show_signs, args=(stop,), daemon=True)
        sign.start()
        try:
            yield not self.is_trained()
        finally:
            stop.set()
            sign.join()
            self._lock.unlink(missing_ok=True)

    def _take_lock(self) -> bool:
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(self._lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
        except FileExistsError:
            if self._owner_is_gone():
                # Of several that see this, one renames the lock away and the others fail to.
                old = self._lock.with_suffix(f".{secrets.token_hex(4)}")
                with contextlib.suppress(FileNotFoundError):
                    os.rename(self._lock, old)
                    old.unlink()
            return False
        os.close(descriptor)
        write_json(self._lock, {"host": socket.gethostname(), "process": os.getpid()})
        return True

    def _owner_is_gone(self) -> bool:
        try:
            age = time.time() - self._lock.stat().st_mtime
            owner = json.loads(self._lock.read_text(encoding="utf-8") or "{}")
        except (FileNotFoundError, ValueError):
            return False
        if owner.get("host") == socket.gethostname():
            return not _is_alive(owner["process"])
        return age > _STALE_SECONDS

    def _show_signs(self, stop: threading.Event) -> None:
        while not stop.wait(_SIGN_SECONDS):
            with contextlib.suppress(FileNotFoundError):
                os.utime(self._lock)


def _variables(supernet: "SharedWeights") -> list[Any]:
    return [*supernet.variables, *supernet.optimizer.variables]


def _is_alive(process: int) -> bool:
    if process == os.getpid():
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
