"""Does a job: builds the twin, trains it with Model Optimization, carries the weights back."""

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tf_keras

from keras_shiftadd import load_model
from keras_shiftadd.compression._child.clustering import Clustering
from keras_shiftadd.compression._child.pruning import Pruning
from keras_shiftadd.compression._child.quantization import Quantization
from keras_shiftadd.compression._child.training import compile_twin, fit_twin
from keras_shiftadd.compression._child.twin import make_twin
from keras_shiftadd.compression._job import JOB, MODEL, RESULT, WEIGHTS

_TECHNIQUES: dict[str, Any] = {
    "prune": Pruning,
    "cluster": Clustering,
    "quantize": Quantization,
}
# More samples would not make a better comparison of the twin with the model.
_COMPARED = 32
_TOLERANCE = 1e-4


def do_job(folder: Path) -> None:
    """Does the job that a folder describes, and writes weights and facts there.

    Args:
        folder: Made by `run_job`.
    """
    job = json.loads((folder / JOB).read_text(encoding="utf-8"))
    if job["seed"] is not None:
        tf_keras.utils.set_random_seed(job["seed"])
        keras.utils.set_random_seed(job["seed"])
    model = load_model(folder / MODEL, compile=False)
    arrays = _read_arrays(folder, job["arrays"])
    technique = _TECHNIQUES[job["task"]](model, arrays, **job["options"])
    _check_twin(model, arrays["x"])
    twin = technique.make_twin()
    compile_twin(twin.model, job["compile"])
    history = fit_twin(twin.model, arrays, job["fit"], technique.callbacks)
    facts = technique.finish(twin)
    np.savez(folder / WEIGHTS, *model.get_weights())
    (folder / RESULT).write_text(json.dumps({"history": history, **facts}), encoding="utf-8")


def _read_arrays(folder: Path, counts: dict[str, int]) -> dict[str, list[np.ndarray]]:
    return {
        name: [
            np.load(folder / f"{name}_{index}.npy", mmap_mode="r", allow_pickle=False)
            for index in range(count)
        ]
        for name, count in counts.items()
    }


def _check_twin(model: keras.Model, inputs: list[np.ndarray]) -> None:
    """Raises if the twin does not compute what the model does."""
    few = [array[:_COMPARED] for array in inputs]
    inputs_of_twin = few[0] if len(few) == 1 else few
    expected = keras.tree.flatten(model(_packed(model, few), training=False))
    received = keras.tree.flatten(make_twin(model).model(inputs_of_twin, training=False))
    for one, other in zip(expected, received, strict=True):
        one, other = np.asarray(one, np.float64), np.asarray(other, np.float64)
        error = np.max(np.abs(one - other), initial=0.0)
        if not error <= _TOLERANCE * max(np.max(np.abs(one), initial=0.0), 1.0):
            raise RuntimeError(
                "The tf_keras twin must compute what the model does. "
                f"Received: outputs that differ by {error:.3g}."
            )


def _packed(model: keras.Model, arrays: list[np.ndarray]) -> Any:
    """The inputs in the structure in which the model takes them."""
    if isinstance(model, keras.Sequential):
        return arrays[0]
    return keras.tree.pack_sequence_as(model.input, arrays)
