"""WeightsCard."""

import json
import os
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

SUFFIX = ".weights.h5"


@dataclass(frozen=True)
class WeightsCard:
    """What is known of a file of weights: the network, where the weights come from, what they do.

    The card of `NAME.weights.h5` is `NAME.json`, beside it.

    Args:
        name: Short name of the weights, such as that of the data.
        network: Name of the function that makes the network.
        arguments: Arguments of that function.
        classes: Names of the classes, in the order of the outputs.
        data: The data of the training.
        preprocessing: What inputs are prepared with, such as `mean` and `deviation` of the
            channels.
        licence: Licence of the data and of the weights.
        command: Command that trained them.
        accuracy: Mean test accuracy of the training with different seeds, from 0 to 1.
        deviation: Its standard deviation.
        seeds: The seeds; the weights are those of the first.
        test_accuracy: Test accuracy of these weights, from 0 to 1.
        energy_uj: Energy for one sample, by `keras_shiftadd.cost.estimate` on `"asic-45nm"` with
            words of 8 bits, in uJ.
        sha256: Hash of the file of weights.
    """

    name: str
    network: str
    arguments: dict[str, Any]
    classes: tuple[str, ...]
    data: str
    preprocessing: dict[str, Any]
    licence: str
    command: str
    accuracy: float
    deviation: float
    seeds: tuple[int, ...]
    test_accuracy: float
    energy_uj: float
    sha256: str

    def to_dict(self) -> dict[str, Any]:
        """All fields, ready for `json.dumps`."""
        return asdict(self)


def card_path(weights: str | os.PathLike[str]) -> Path:
    """Where the card of a file of weights is."""
    path = Path(weights)
    return path.with_name(path.name.removesuffix(SUFFIX) + ".json")


def read_card(weights: str | os.PathLike[str]) -> WeightsCard:
    """Reads the card of a file of weights.

    Args:
        weights: Path of a file that ends in `.weights.h5`.

    Returns:
        A `WeightsCard`.

    Raises:
        FileNotFoundError: If there is no card beside the file.
        ValueError: If the card is damaged.

    Example:

    ```python no-run
    ksa.models.read_card("gestures.weights.h5").accuracy
    ```
    """
    path = card_path(weights)
    if not path.is_file():
        raise FileNotFoundError(
            f"A file of weights has its card beside it. There is none: {str(path)!r}. "
            "keras_shiftadd.models.save_weights writes both."
        )
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        arguments = dict(values["arguments"])
        for name in ("input_shape", "operators"):
            if isinstance(arguments.get(name), list):
                arguments[name] = tuple(arguments[name])
        values |= {"arguments": arguments}
        values |= {"classes": tuple(values["classes"]), "seeds": tuple(values["seeds"])}
        return WeightsCard(**{field.name: values[field.name] for field in fields(WeightsCard)})
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"A card is a JSON object with the fields of WeightsCard. Received: {str(path)!r}, "
            f"which is damaged ({type(error).__name__}: {error})."
        ) from error
