"""How a model is trained in the child process: what `compile` and `fit` take."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

_FIT = (
    "batch_size",
    "epochs",
    "validation_split",
    "validation_data",
    "shuffle",
    "class_weight",
    "sample_weight",
    "initial_epoch",
    "steps_per_epoch",
    "validation_steps",
    "validation_batch_size",
    "validation_freq",
)
OPTIMIZERS = (
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Ftrl",
    "Lion",
    "Nadam",
    "RMSprop",
    "SGD",
)
SCHEDULES = (
    "CosineDecay",
    "CosineDecayRestarts",
    "ExponentialDecay",
    "InverseTimeDecay",
    "PiecewiseConstantDecay",
    "PolynomialDecay",
)
_ONLY_KERAS_3 = ("loss_scale_factor", "gradient_accumulation_steps")


@dataclass(frozen=True)
class Training:
    """Checked arguments of `compile` and `fit`.

    Args:
        compile_arguments: `optimizer`, `loss` and `metrics` as Keras serialises them.
        fit_arguments: Those that are plain numbers.
        arrays: Lists of arrays by name: `x`, `y`, `sample_weight`, and those of the validation.
        seed: Of weights, shuffling and dropout; None for a random one.
    """

    compile_arguments: dict[str, Any]
    fit_arguments: dict[str, Any]
    arrays: dict[str, list[np.ndarray]]
    seed: int | None

    @property
    def steps(self) -> int:
        """How many steps of the optimiser the training takes."""
        fit = self.fit_arguments
        samples = len(self.arrays["x"][0])
        samples -= int(samples * fit.get("validation_split", 0.0))
        epochs = fit["epochs"] - fit.get("initial_epoch", 0)
        return int(epochs * (fit.get("steps_per_epoch") or -(-samples // fit["batch_size"])))

    def write_arrays(self, folder: Path) -> dict[str, int]:
        """Writes the arrays as .npy files; returns how many there are of each name."""
        for name, arrays in self.arrays.items():
            for index, array in enumerate(arrays):
                np.save(folder / f"{name}_{index}.npy", array, allow_pickle=False)
        return {name: len(arrays) for name, arrays in self.arrays.items()}

    def compile(self, model: keras.Model) -> None:
        """Compiles a model with these arguments."""
        model.compile(
            optimizer=keras.optimizers.get(self.compile_arguments["optimizer"]),
            loss=_each(self.compile_arguments["loss"], keras.losses.get),
            metrics=_each(self.compile_arguments["metrics"], _read_metric),
        )


def read_training(
    model: keras.Model,
    x: Any,
    y: Any,
    optimizer: Any,
    loss: Any,
    metrics: Any,
    seed: int | None,
    fit: dict[str, Any],
) -> Training:
    """Checks what a function of this room was given for the training.

    Args:
        model: What is not given is taken from how it was compiled.
        x: Inputs.
        y: Targets.
        optimizer: As `compile` takes it, or None.
        loss: Likewise.
        metrics: Likewise.
        seed: Integer or None.
        fit: Further arguments of `fit`.

    Raises:
        TypeError: If an argument is unknown or of a wrong type.
        ValueError: If data do not fit each other, or something is not known to tf_keras.
    """
    unknown = sorted(set(fit) - set(_FIT))
    if unknown:
        raise TypeError(
            f"The arguments of the training must be among {', '.join(_FIT)}. "
            f"Received: {', '.join(unknown)}. Callbacks cannot follow into the process that trains."
        )
    fit = {name: value for name, value in fit.items() if value is not None}
    arrays = {"x": _arrays(x, "x")}
    if y is not None:
        arrays["y"] = _arrays(y, "y")
    if "sample_weight" in fit:
        arrays["sample_weight"] = _arrays(fit.pop("sample_weight"), "sample_weight")
    if "validation_data" in fit:
        arrays |= _validation(fit.pop("validation_data"))
    _check_lengths(arrays)
    if "class_weight" in fit:
        fit["class_weight"] = {int(key): float(value) for key, value in fit["class_weight"].items()}
    fit = {"batch_size": 32, "epochs": 1, **fit}
    compiled = _compile_arguments(model, optimizer, loss, metrics)
    return Training(compiled, fit, arrays, seed)


def _arrays(value: Any, name: str) -> list[np.ndarray]:
    """One array, or several in a structure, as a list."""
    leaves = [value] if hasattr(value, "__array__") else keras.tree.flatten(value)
    arrays = []
    for leaf in leaves:
        if not hasattr(leaf, "__array__") or getattr(leaf, "ndim", 0) == 0:
            raise TypeError(
                f"`{name}` must be an array, or a list or dictionary of arrays: they go to another "
                f"process. Received: {type(value).__name__}. Collect the batches of a "
                "generator or a data set into arrays first."
            )
        array = np.asarray(keras.ops.convert_to_numpy(leaf))
        if array.dtype.kind not in "fiub":
            raise TypeError(f"`{name}` must hold numbers. Received: dtype {array.dtype}.")
        arrays.append(array)
    return arrays


def _validation(data: Any) -> dict[str, list[np.ndarray]]:
    if not isinstance(data, tuple | list) or len(data) not in (2, 3):
        raise TypeError(
            "`validation_data` must be (x, y) or (x, y, sample_weight). "
            f"Received: {type(data).__name__}."
        )
    names = ("validation_x", "validation_y", "validation_sample_weight")
    return {name: _arrays(part, "validation_data") for name, part in zip(names, data, strict=False)}


def _check_lengths(arrays: dict[str, list[np.ndarray]]) -> None:
    for prefix in ("", "validation_"):
        names = [prefix + name for name in ("x", "y", "sample_weight") if prefix + name in arrays]
        lengths = {len(array) for name in names for array in arrays[name]}
        if len(lengths) > 1 or 0 in lengths:
            shapes = {name: [array.shape for array in arrays[name]] for name in names}
            raise ValueError(
                "The arrays of the training must have the same, positive number of samples. "
                f"Received: {shapes}."
            )


def _compile_arguments(model: Any, optimizer: Any, loss: Any, metrics: Any) -> dict[str, Any]:
    compiled: dict[str, Any] = {}
    if getattr(model, "compiled", False):
        compiled = keras.saving.deserialize_keras_object(model.get_compile_config()) or {}
    if loss is None:
        loss = compiled.get("loss")
    if loss is None:
        raise ValueError(
            "A loss is needed: compile `model` first, or pass `loss`. "
            f"Received: '{model.name}', which is not compiled with one."
        )
    if optimizer is None:
        optimizer = compiled.get("optimizer", "rmsprop")
    if metrics is None:
        metrics = compiled.get("metrics")
    return {
        "optimizer": _optimizer(keras.optimizers.get(optimizer)),
        "loss": _each(loss, lambda item: _known(keras.losses.get(item), "loss")),
        "metrics": _each(metrics, _metric),
    }


def _each(value: Any, apply: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_each(item, apply) for item in value]
    return None if value is None else apply(value)


def _optimizer(optimizer: keras.optimizers.Optimizer) -> dict[str, Any]:
    name = type(optimizer).__name__
    if name not in OPTIMIZERS or type(optimizer).__module__.partition(".")[0] != "keras":
        raise ValueError(
            f"`optimizer` must be one that tf_keras has, too: {', '.join(OPTIMIZERS)}. "
            f"Received: {name}."
        )
    serialized = keras.optimizers.serialize(optimizer)
    config = serialized["config"]
    for key in _ONLY_KERAS_3:
        if config.get(key) is not None:
            raise ValueError(f"tf_keras does not know `{key}`. Received: {key}={config[key]!r}.")
    rate = config["learning_rate"]
    if isinstance(rate, dict) and rate["class_name"] not in SCHEDULES:
        raise ValueError(
            f"The learning rate must be a number or one of {', '.join(SCHEDULES)}. "
            f"Received: {rate['class_name']}."
        )
    return dict(serialized)


def _known(value: Any, argument: str) -> Any:
    """A loss or metric of Keras itself, serialised; functions by their name."""
    module = getattr(value, "__module__", None) or type(value).__module__
    if module.partition(".")[0] != "keras":
        name = getattr(value, "__name__", type(value).__name__)
        raise ValueError(
            f"`{argument}` must be of Keras itself: others are not known to the process that "
            f"trains. Received: {module}.{name}."
        )
    if not isinstance(value, keras.losses.Loss | keras.metrics.Metric):
        return value.__name__
    return keras.saving.serialize_keras_object(value)


def _read_metric(metric: Any) -> Any:
    # What "accuracy" means follows from loss and shapes, which `compile` knows.
    return metric if isinstance(metric, str) else keras.metrics.get(metric)


def _metric(metric: Any) -> Any:
    return metric if isinstance(metric, str) else _known(keras.metrics.get(metric), "metrics")
