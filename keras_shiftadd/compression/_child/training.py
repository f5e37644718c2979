"""Compiles and fits a twin with what Keras 3 would take."""

import math
from typing import Any

import keras
import numpy as np
import tf_keras


def compile_twin(model: tf_keras.Model, arguments: dict[str, Any]) -> None:
    """Compiles a twin.

    Args:
        model: The twin.
        arguments: `optimizer`, `loss`, `metrics` as Keras 3 serialises them.
    """
    model.compile(
        optimizer=_optimizer(arguments["optimizer"]),
        loss=_each(arguments["loss"], Loss),
        metrics=_each(arguments["metrics"], _metric),
    )


def fit_twin(
    model: tf_keras.Model,
    arrays: dict[str, list[np.ndarray]],
    arguments: dict[str, Any],
    callbacks: list[Any],
) -> dict[str, list[float]]:
    """Trains a twin; prints a line for each epoch.

    Args:
        model: The compiled twin.
        arrays: Lists of arrays by name.
        arguments: Plain arguments of `fit`.
        callbacks: Of Model Optimization.

    Returns:
        The history, a list of numbers for each metric.
    """
    given = {name: _one_or_all(list(map(np.asarray, arrays[name]))) for name in arrays}
    fit = dict(arguments)
    if "class_weight" in fit:
        fit["class_weight"] = {int(key): value for key, value in fit["class_weight"].items()}
    parts = ("validation_x", "validation_y", "validation_sample_weight")
    validation = tuple(given[name] for name in parts if name in given)
    if validation:
        fit["validation_data"] = validation
    history = model.fit(
        given["x"],
        given.get("y"),
        sample_weight=given.get("sample_weight"),
        callbacks=[*callbacks, _Lines(arguments["epochs"])],
        verbose=0,
        **fit,
    )
    return {name: [float(value) for value in values] for name, values in history.history.items()}


class Loss(tf_keras.losses.Loss):
    """A loss of Keras 3; tf_keras weighs and sums what it is for each sample.

    Args:
        serialized: The loss as Keras 3 serialises it, or the name of a function.
    """

    def __init__(self, serialized: Any) -> None:
        if isinstance(serialized, dict):
            config = {**serialized["config"], "reduction": "none"}
            serialized = {**serialized, "config": config}
        self._function = keras.losses.get(serialized)
        super().__init__(name=getattr(self._function, "name", None))

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The loss of each sample."""
        return self._function(y_true, y_pred)


class _Lines(tf_keras.callbacks.Callback):
    """Prints a line for each epoch."""

    def __init__(self, epochs: int) -> None:
        super().__init__()
        self._epochs = epochs

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        logs = logs or {}
        if not math.isfinite(logs.get("loss", 0.0)):
            raise ValueError(
                "The loss must stay finite. "
                f"Received: {logs['loss']} in epoch {epoch + 1}. Take a smaller learning rate."
            )
        numbers = ", ".join(f"{name} {value:.4g}" for name, value in logs.items())
        print(f"epoch {epoch + 1} of {self._epochs}: {numbers}", flush=True)


def _optimizer(serialized: dict[str, Any]) -> tf_keras.optimizers.Optimizer:
    config = dict(serialized["config"])
    for key in ("loss_scale_factor", "gradient_accumulation_steps"):
        config.pop(key, None)
    rate = config["learning_rate"]
    if isinstance(rate, dict):
        schedule = getattr(tf_keras.optimizers.schedules, rate["class_name"])
        config["learning_rate"] = schedule.from_config(rate["config"])
    return getattr(tf_keras.optimizers, serialized["class_name"])(**config)


def _metric(metric: Any) -> Any:
    if isinstance(metric, str):
        return metric
    config = {key: value for key, value in metric["config"].items() if key != "dtype"}
    return getattr(tf_keras.metrics, metric["class_name"]).from_config(config)


def _each(value: Any, apply: Any) -> Any:
    if isinstance(value, list):
        return [_each(item, apply) for item in value]
    return None if value is None else apply(value)


def _one_or_all(values: list[Any]) -> Any:
    return values[0] if len(values) == 1 else values
