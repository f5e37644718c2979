"""What `accuracy.py` trains: networks of each operator, and forms of training."""

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from augmentation import AUGMENTED

if TYPE_CHECKING:  # printing figures needs no backend
    from search_data import Data

OPERATORS = ("conv", "shift", "adder", "shift_adder", "hybrid", "twin")
# Changes of a plain training that were proposed for adder networks.
IDEAS: dict[str, dict[str, Any]] = {
    "distilled": {"teacher": True},
    "layer shortcuts": {"shortcuts": "layer"},
    "power": {"activation": "power"},
    "slow gradients": {"gradient_scale": 0.04},
    "distilled, layer shortcuts": {"teacher": True, "shortcuts": "layer"},
}
FORMS = ("plain", *AUGMENTED, *IDEAS)
# Network and factor of its channels for each data set.
DEFAULTS = {
    "gestures": ("ResNet8", 0.5),
    "keywords": ("DSCNN", 0.5),
    "cifar100": ("ResNet20", 1.0),
}
# Blocks of the networks that may be named.
BLOCKS = {"ResNet8": 3, "ResNet20": 9, "ResNet32": 15, "DSCNN": 4, "MobileNetV2": 18}


def load(options: argparse.Namespace, seed: int) -> "Data":
    """The data of a seed; spectrograms are images of one channel for `DSCNN`."""
    import cifar_data
    import search_data

    if options.set == "cifar100":
        if options.data_dir is None:
            raise SystemExit("cifar100 needs --data-dir, a folder or an .npz file.")
        return cifar_data.load(options.data_dir, seed, options.limit)
    data = search_data.load(options.set, options.data, seed % 3)
    if options.network != "DSCNN" or len(data.shape) == 3:
        return data
    augment = data.augment

    def move(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return x if augment is None else augment(x[..., 0], rng)[..., None]

    parts = {
        f"x_{part}": getattr(data, f"x_{part}")[..., None] for part in ("train", "val", "test")
    }
    return replace(data, augment=move, **parts)


def make(data: "Data", operator: str, form: str, options: argparse.Namespace) -> Any:
    """The network of an operator, which returns logits.

    The hybrid is the architecture of `--search` or `--architecture`, or the network with
    `--operators`, or with shift and adder blocks in turn. The twin is that architecture with
    convolutions.
    """
    import keras_shiftadd as ksa

    idea = {k: v for k, v in IDEAS.get(form, {}).items() if k != "teacher"}
    if operator in ("hybrid", "twin") and options.found is not None:
        from gesture_to_microcontroller import twin_of

        if idea:
            raise ValueError(f"{form!r} is for ready networks, not for an architecture.")
        space = ksa.tuners.HybridSpace(data.shape, data.classes, preset=options.preset)
        return space.build(options.found if operator == "hybrid" else twin_of(options.found))
    operators: Any = operator
    if operator == "hybrid":
        operators = options.operators or in_turn(options)
    return _network(data, operators, options.alpha, options, idea)


def teacher(data: "Data", options: argparse.Namespace) -> Any:
    """A network of convolutions with twice the channels."""
    return _network(data, "conv", 2 * options.alpha, options, {})


def in_turn(options: argparse.Namespace) -> list[str]:
    """Shift and adder for the blocks of the network, in turn."""
    return [("shift", "adder")[i % 2] for i in range(BLOCKS[options.network])]


def pairs(options: Any) -> list[tuple[str, str]]:
    """Operators and forms, without those that need adder or shift kernels where there are none."""
    return [
        (operator, form)
        for operator in options.operator
        for form in options.form
        if operator not in ("conv", "twin") or _serves_convolutions(form)
    ]


def _serves_convolutions(form: str) -> bool:
    if form in AUGMENTED:  # convolutions share their kernels as they are
        return form == "own"
    return "gradient_scale" not in IDEAS.get(form, {})


def augmentation(data: Any, form: str, seed: int, options: Any) -> list[Any]:
    """The callback of an augmented form, or none."""
    from search_training import calibration_samples

    import keras_shiftadd as ksa

    if form not in AUGMENTED:
        return []
    return [
        ksa.callbacks.HybridAugmentation(
            widths=tuple(options.widths),
            loss_weight=options.loss_weight,
            calibration_data=calibration_samples(data),
            seed=seed,
            **AUGMENTED[form],
        )
    ]


def _network(
    data: "Data", operators: Any, alpha: float, options: argparse.Namespace, more: dict[str, Any]
) -> Any:
    import keras_shiftadd as ksa

    return getattr(ksa.models, options.network)(
        input_shape=data.shape,
        num_classes=data.classes,
        operators=operators,
        alpha=alpha,
        classifier_activation=None,
        **more,
    )
