"""How the search benchmarks train: one recipe for networks of all operators, and for supernets.

SGD with Nesterov momentum and a cosine schedule. Of learning rates 0.05, 0.1 and 0.2 the one was
taken that is best or near the best for conv, shift, adder and mixed networks on the validation
people of the gestures. Weights of adder layers are places, not factors: weight decay, which draws
to zero, leaves them out, as it does offsets and gains.
"""

from typing import Any

import keras
import numpy as np
from search_data import Batches, Data

import keras_shiftadd as ksa

RATE = 0.1
BATCH = 64
WEIGHT_DECAY = 1e-4
TEMPERATURE = 4.0  # of logits that are distilled
CALIBRATION = 1024  # samples that BatchNormalization statistics are estimated from


def optimizer(steps: int) -> keras.optimizers.Optimizer:
    """The optimizer of all networks, for a number of steps."""
    rate = keras.optimizers.schedules.CosineDecay(RATE, steps)
    return keras.optimizers.SGD(rate, momentum=0.9, nesterov=True, weight_decay=WEIGHT_DECAY)


def compile_for(model: keras.Model, chosen: keras.optimizers.Optimizer) -> None:
    """Compiles a network or a supernet."""
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(chosen, loss, metrics=["accuracy"])


def _adder_layers(model: keras.Model) -> list[Any]:
    parts = [getattr(layer, "adder", layer) for layer in model.layers]
    return [part for part in parts if getattr(part, "operator", None) == "adder"]


def _undecayed(model: keras.Model) -> list[Any]:
    """Weights of adder layers, offsets and gains."""
    adders = {id(v) for layer in _adder_layers(model) for v in layer.trainable_variables}
    return [v for v in model.trainable_variables if id(v) in adders or "kernel" not in v.name]


def train_alone(
    model: keras.Model,
    data: Data,
    epochs: int,
    seed: int,
    callbacks: Any = (),
    teacher: keras.Model | None = None,
) -> dict[str, list[float]]:
    """Trains a network of plain layers; its BatchNormalization statistics are estimated last.

    With a teacher, half of the loss is the distance to its logits.
    """
    batches = Batches(data, BATCH, seed)
    chosen = optimizer(epochs * len(batches))
    chosen.exclude_from_weight_decay(_undecayed(model))
    trained = model
    if teacher is not None:
        trained = keras.distillation.Distiller(teacher, model, distillation())
    compile_for(trained, chosen)
    history = trained.fit(batches, epochs=epochs, verbose=0, callbacks=list(callbacks)).history
    ksa.callbacks.recalibrate_batch_normalization(model, calibration_samples(data))
    return history


def distillation() -> Any:
    """The distance of logits to those of a teacher.

    An instance of the divergence: Keras 3.15 gives logits to the one that is named, which wants
    probabilities, and training goes astray.
    """
    return keras.distillation.LogitsDistillation(
        temperature=TEMPERATURE, loss=keras.losses.KLDivergence()
    )


def train_supernet(
    supernet: keras.Model, data: Data, epochs: int, seed: int
) -> dict[str, list[float]]:
    """Trains a supernet with the same recipe; it decays the kernels in use."""
    batches = Batches(data, BATCH, seed)
    compile_for(supernet, optimizer(epochs * len(batches)))
    return supernet.fit(batches, epochs=epochs, verbose=0).history


def calibration_samples(data: Data) -> np.ndarray:
    """Training samples for BatchNormalization statistics, the same each time."""
    order = np.random.default_rng(0).permutation(len(data.x_train))
    return data.x_train[order[:CALIBRATION]]


def accuracy(model: keras.Model, x: np.ndarray, y: np.ndarray) -> float:
    """The share of samples whose class has the highest logit."""
    return float(np.mean(model.predict(x, batch_size=256, verbose=0).argmax(axis=1) == y))
