"""Prunes a model."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import keras

from keras_shiftadd.compression._constant_sparsity import ConstantSparsity
from keras_shiftadd.compression._job import check_model, run_job
from keras_shiftadd.compression._polynomial_decay import PolynomialDecay
from keras_shiftadd.compression._selection import select_layers
from keras_shiftadd.compression._training import read_training
from keras_shiftadd.ops._numbers import is_positive_integer, plain

_POOLINGS = ("AVG", "MAX")


def prune(
    model: keras.Model,
    schedule: ConstantSparsity | PolynomialDecay,
    x: Any,
    y: Any = None,
    layers: Sequence[str] | None = None,
    block_size: tuple[int, int] = (1, 1),
    block_pooling_type: str = "AVG",
    sparsity_m_by_n: tuple[int, int] | None = None,
    optimizer: Any = None,
    loss: Any = None,
    metrics: Any = None,
    seed: int | None = None,
    verbose: int = 1,
    **kwargs: Any,
) -> keras.Model:
    """Trains a model while the smallest weights of its kernels become zero.

    TensorFlow Model Optimization does it (`prune_low_magnitude`), in a process of its own, on any
    backend of Keras. The zeros stay zeros in an int8 export.

    Args:
        model: A built Functional or Sequential model of layers of Keras and of this package. It is
            not changed.
        schedule: When how much of each kernel is zero. It must come to its end within the training.
        x: Array of inputs, or a list of arrays.
        y: Array of targets, or a list of arrays; None where the loss needs none.
        layers: Names of the layers that are pruned; None for all trainable ones with kernels.
        block_size: Rows and columns that are pruned together, in kernels of two axes.
        block_pooling_type: `"AVG"` or `"MAX"`: what of a block is compared.
        sparsity_m_by_n: None, or a tuple such as `(2, 4)`: so many zeros among so many weights that
            follow each other. The sparsity of `schedule` does not count then.
        optimizer: As `compile` takes it; None for that of the compiled model, anew.
        loss: Likewise.
        metrics: Likewise.
        seed: Integer that decides over shuffling and dropout, or None.
        verbose: 0 is silent; 1 prints a line for each epoch.
        **kwargs: Keyword arguments of `fit`: `batch_size`, `epochs`, `validation_data`,
            `validation_split`, `shuffle`, `class_weight`, `sample_weight` and others that take no
            object.

    Returns:
        A new model of the same layers, compiled. `history` holds the losses and metrics.

    Raises:
        ImportError: If tensorflow-model-optimization or tf-keras is not installed.
        TypeError: If an argument is of a wrong type, or unknown.
        ValueError: If a layer cannot be pruned, or the schedule does not fit the training.
        RuntimeError: If the process that trains fails.

    Example:

    >>> schedule = keras_shiftadd.compression.PolynomialDecay(0.0, 0.75, 0, 400, frequency=20)
    >>> pruned = keras_shiftadd.compression.prune(model, schedule, x_train, y_train, epochs=10)

    Reference:
        - [Zhu and Gupta, 2017](https://arxiv.org/abs/1710.01878).
    """
    check_model(model)
    if not isinstance(schedule, ConstantSparsity | PolynomialDecay):
        raise TypeError(
            "`schedule` must be a ConstantSparsity or a PolynomialDecay of "
            f"keras_shiftadd.compression. Received: {type(schedule).__name__}."
        )
    if block_pooling_type not in _POOLINGS:
        raise ValueError(
            f"`block_pooling_type` must be one of {_POOLINGS}. Received: {block_pooling_type!r}."
        )
    config = {name: plain(value) for name, value in asdict(schedule).items()}
    options = {
        "layers": select_layers(model, layers, "pruned"),
        "schedule": {"class_name": type(schedule).__name__, "config": config},
        "block_size": _pair(block_size, "block_size"),
        "block_pooling_type": block_pooling_type,
        "sparsity_m_by_n": (
            None if sparsity_m_by_n is None else _pair(sparsity_m_by_n, "sparsity_m_by_n")
        ),
    }
    training = read_training(model, x, y, optimizer, loss, metrics, seed, kwargs)
    _check_end(schedule, training.steps)
    return run_job("prune", model, options, training, verbose).model


def _check_end(schedule: ConstantSparsity | PolynomialDecay, steps: int) -> None:
    """Raises if the final sparsity is not reached within the training."""
    if isinstance(schedule, PolynomialDecay):
        reached = schedule.end_step
        if (reached - schedule.begin_step) % schedule.frequency or reached < 1:
            raise ValueError(
                "`end_step` of the schedule must be `begin_step` plus a multiple of `frequency`: "
                "the final sparsity is not chosen otherwise. Received: "
                f"begin_step={schedule.begin_step}, end_step={reached}, "
                f"frequency={schedule.frequency}."
            )
    else:
        reached = schedule.begin_step or schedule.frequency
        if -1 < schedule.end_step < reached:
            raise ValueError(
                "`schedule` must prune at least once before its `end_step`. "
                f"Received: first at step {reached}, end_step={schedule.end_step}."
            )
    if reached > steps:
        raise ValueError(
            "The training must be long enough for the schedule to reach its sparsity. Received: "
            f"{steps} steps, and the sparsity is reached at step {reached}. Train for more epochs, "
            "or end the schedule earlier."
        )


def _pair(value: Any, name: str) -> list[int]:
    if (
        not isinstance(value, tuple | list)
        or len(value) != 2
        or not all(map(is_positive_integer, value))
    ):
        raise ValueError(f"`{name}` must be a tuple of 2 positive integers. Received: {value!r}.")
    return list(map(int, value))
