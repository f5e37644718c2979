"""Files of weights with their cards: save and load."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras

from keras_shiftadd._whole_file import written_whole
from keras_shiftadd.models._public import NETWORKS
from keras_shiftadd.models.weights_card import SUFFIX, WeightsCard, card_path, read_card

# These do not change what the weights compute.
FREE_ARGUMENTS = ("name", "weights", "gradient_scale", "classifier_activation")


def save_weights(
    model: keras.Model,
    path: str | os.PathLike[str],
    *,
    name: str,
    network: str,
    arguments: dict[str, Any],
    classes: Sequence[str],
    data: str,
    licence: str,
    command: str,
    accuracies: dict[int, float],
    preprocessing: dict[str, Any] | None = None,
) -> WeightsCard:
    """Saves the weights of a ready network, and a card that says what they are.

    Args:
        model: The trained network, with its classifier.
        path: File to write, which ends in `.weights.h5`; the card is written beside it.
        name: Short name of the weights, such as that of the data.
        network: Name of the function that made the network, such as `"ResNet8"`.
        arguments: Arguments that the function was given; values of JSON.
        classes: Names of the classes, in the order of the outputs.
        data: The data of the training.
        licence: Licence of the data and of the weights.
        command: Command that trained them.
        accuracies: Test accuracy, from 0 to 1, of the same training with each seed; these weights
            are those of the first.
        preprocessing: What inputs are prepared with, such as `mean` and `deviation` of the
            channels; values of JSON.

    Returns:
        The `WeightsCard`.

    Raises:
        ValueError: If `network` and `arguments` do not make `model`, an argument is out of its
            range, or `path` has another ending.
        OSError: If a file cannot be written.

    Example:

    ```python no-run
    ksa.models.save_weights(
        model, "words.weights.h5", name="words", network="DSCNN",
        arguments={"operators": "shift"}, classes=words, data="Speech Commands v0.02, 40 mel bands",
        licence="CC BY 4.0", command="python train.py", accuracies={0: 0.941, 1: 0.938},
    )
    ```
    """
    # Imported here: importing the package makes models known to Keras, and should be fast.
    from keras_shiftadd.cost import estimate

    path = Path(path)
    if not path.name.endswith(SUFFIX):
        raise ValueError(f"`path` must end in {SUFFIX}. Received: path={str(path)!r}.")
    if not accuracies or not all(0 <= value <= 1 for value in accuracies.values()):
        raise ValueError(
            "`accuracies` must give an accuracy from 0 to 1 for each seed. "
            f"Received: accuracies={accuracies!r}."
        )
    _check_same(model, _build(network, dict(arguments)), network, arguments)
    if len(classes) != model.output_shape[-1]:
        raise ValueError(
            f"`classes` must name the {model.output_shape[-1]} outputs of the network. "
            f"Received: {len(classes)} names."
        )
    values = list(accuracies.values())
    mean = sum(values) / len(values)
    spread = sum((value - mean) ** 2 for value in values) / max(1, len(values) - 1)
    with tempfile.TemporaryDirectory() as folder:
        # Keras wants the ending, which a temporary file beside `path` does not have.
        file = Path(folder, f"model{SUFFIX}")
        model.save_weights(file)
        card = WeightsCard(
            name=name,
            network=network,
            arguments=dict(arguments),
            classes=tuple(classes),
            data=data,
            preprocessing=dict(preprocessing or {}),
            licence=licence,
            command=command,
            accuracy=mean,
            deviation=spread**0.5,
            seeds=tuple(accuracies),
            test_accuracy=values[0],
            energy_uj=float(estimate(model).energy_uj or 0.0),
            sha256=file_hash(file),
        )
        text = json.dumps(card.to_dict(), indent=2) + "\n"
        with written_whole(path) as weights, written_whole(card_path(path)) as written_card:
            shutil.copyfile(file, weights)
            written_card.write_text(text, encoding="utf-8")
    return card


def load_network(path: str | os.PathLike[str], **kwargs: Any) -> keras.Model:
    """Makes the network of a file of weights, with these weights.

    Args:
        path: A file of `save_weights`, or the name of weights that come with the package
            (`list_weights`).
        **kwargs: Arguments of the network's function that do not change what the weights mean,
            such as `include_top`, `pooling` and `classifier_activation`.

    Returns:
        A functional `keras.Model`, not compiled.

    Raises:
        FileNotFoundError: If there is no such file, or it has no card.
        ValueError: If the file is not the one that its card describes, or an argument is not
            that of the card.

    Example:

    ```python no-run
    model = ksa.models.load_network("words.weights.h5")
    ```
    """
    from keras_shiftadd.models._named_weights import packaged

    files = packaged()
    file = files.get(str(path), Path(path))
    if not file.is_file():
        raise FileNotFoundError(
            "`path` must be a file of weights, or the name of weights that come with the package, "
            f"{tuple(files)}. Received: path={str(path)!r}."
        )
    card = read_card(file)
    return _function(card.network)(**{**card.arguments, **kwargs, "weights": file})


def load_checked(model: keras.Model, file: Path, sha256: str | None) -> None:
    """Loads weights into a model of the same layers.

    Raises:
        ValueError: If the file is damaged, or of another network.
    """
    if sha256 is not None and file_hash(file) != sha256:
        raise ValueError(
            "A file of weights must be the one that its card describes. Received: "
            f"{str(file)!r} with another hash than {sha256}. The file is damaged, or was replaced."
        )
    try:
        model.load_weights(file)
    except (ValueError, KeyError, OSError) as error:
        raise ValueError(
            f"The weights must be those of the network '{model.name}' with the same arguments. "
            f"Received: {str(file)!r}, which is damaged or of another network "
            f"({type(error).__name__}: {error})."
        ) from error


def file_hash(file: Path) -> str:
    """SHA-256 of a file, in hexadecimal digits."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _function(network: str) -> Any:
    if network not in NETWORKS:
        raise ValueError(f"`network` must be one of {tuple(NETWORKS)}. Received: {network!r}.")
    return NETWORKS[network]


def _build(network: str, arguments: dict[str, Any]) -> keras.Model:
    return _function(network)(**{**arguments, "weights": None, "include_top": True})


def _check_same(
    model: keras.Model, expected: keras.Model, network: str, arguments: dict[str, Any]
) -> None:
    """Raises a ValueError where layers or shapes differ."""

    def parts(of: keras.Model) -> list[Any]:
        return [
            (type(layer).__name__, layer.name, [tuple(weight.shape) for weight in layer.weights])
            for layer in of.layers
            if layer.weights
        ]

    if parts(model) != parts(expected):
        raise ValueError(
            "`network` and `arguments` must make `model`. Received: "
            f"network={network!r}, arguments={arguments}, and a model '{model.name}' of "
            f"{model.count_params()} parameters, where they make one of "
            f"{expected.count_params()}, or of other layers."
        )
