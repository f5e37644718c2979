"""Carries a model and its data to the child process, and the results back."""

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_shiftadd._model_graph import has_graph
from keras_shiftadd.compression._child_process import require_model_optimization, run_child
from keras_shiftadd.compression._training import Training

MODEL, WEIGHTS, JOB, RESULT = "model.keras", "weights.npz", "job.json", "result.json"


@dataclass(frozen=True)
class Result:
    """What a job has made.

    Args:
        model: A new model of the same layers, with the trained weights.
        facts: What else the job reports.
    """

    model: keras.Model
    facts: dict[str, Any]


def run_job(
    task: str, model: keras.Model, options: dict[str, Any], training: Training, verbose: int
) -> Result:
    """Trains a copy of a model in the child process.

    Args:
        task: `"prune"`, `"cluster"` or `"quantize"`.
        model: Checked by `check_model`.
        options: Of the task, as JSON knows them.
        training: How it is trained, and on what.
        verbose: 0 is silent; 1 prints a line for each stage and epoch.

    Raises:
        ImportError: If Model Optimization is not installed.
        RuntimeError: If the process fails.
    """
    require_model_optimization()
    with tempfile.TemporaryDirectory(prefix="keras_shiftadd_") as name:
        folder = Path(name)
        keras.saving.save_model(model, folder / MODEL)
        arrays = training.write_arrays(folder)
        job = {
            "task": task,
            "options": options,
            "compile": training.compile_arguments,
            "fit": training.fit_arguments,
            "arrays": arrays,
            "seed": training.seed,
        }
        (folder / JOB).write_text(json.dumps(job), encoding="utf-8")
        run_child(folder, verbose)
        facts = json.loads((folder / RESULT).read_text(encoding="utf-8"))
        trained = keras.saving.load_model(folder / MODEL, compile=False)
        with np.load(folder / WEIGHTS, allow_pickle=False) as weights:
            trained.set_weights([weights[f"arr_{index}"] for index in range(len(weights.files))])
    training.compile(trained)
    trained.history = keras.callbacks.History()
    trained.history.history = facts["history"]
    trained.history.epoch = list(range(len(next(iter(facts["history"].values()), []))))
    return Result(trained, facts)


def check_model(model: Any) -> None:
    """Raises if a model has no twin.

    Raises:
        TypeError: If it is no model.
        ValueError: If its graph is not known, it is not built, or a layer has no twin.
    """
    if not isinstance(model, keras.Model):
        raise TypeError(f"`model` must be a keras.Model. Received: {type(model).__name__}.")
    if not has_graph(model):
        raise ValueError(
            "`model` must be a Functional or Sequential model: a subclassed model does not say "
            f"how its layers are connected. Received: {type(model).__name__} '{model.name}'."
        )
    if not model.built:
        raise ValueError(
            f"`model` must be built. Received: '{model.name}', which has no known input shape. "
            "Start it with keras.Input(shape), or call it on data once."
        )
    for layer in all_layers(model):
        _check_layer(layer)


def all_layers(model: keras.Model) -> list[keras.layers.Layer]:
    """The layers of a model, those of models inside it in their places."""
    found: list[keras.layers.Layer] = []
    for layer in model.layers:
        found += all_layers(layer) if isinstance(layer, keras.Model) else [layer]
    return found


def _check_layer(layer: keras.layers.Layer) -> None:
    if type(layer).__module__.partition(".")[0] not in ("keras", "keras_shiftadd"):
        raise ValueError(
            "Every layer of `model` must be one of Keras or of keras_shiftadd: others are not "
            f"known to the process that trains. Received: layer '{layer.name}' of class "
            f"{type(layer).__module__}.{type(layer).__name__}."
        )
    if isinstance(layer, keras.layers.Masking) or getattr(layer, "mask_zero", False):
        raise ValueError(
            "`model` must not make masks: they do not pass from layer to layer in tf_keras. "
            f"Received: layer '{layer.name}' ({type(layer).__name__})."
        )
    if isinstance(layer, keras.layers.Lambda):
        raise ValueError(
            "`model` must not have Lambda layers: their functions cannot be handed to another "
            f"process. Received: layer '{layer.name}'. Use functions of keras.ops instead."
        )
