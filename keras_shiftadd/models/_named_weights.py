"""The weights that a ready network is given: a name, or a file."""

import inspect
from pathlib import Path
from typing import Any

import keras

from keras_shiftadd.models._arguments import Arguments
from keras_shiftadd.models._public import NETWORKS
from keras_shiftadd.models.weights_card import SUFFIX, WeightsCard, card_path, read_card
from keras_shiftadd.models.weights_files import FREE_ARGUMENTS, load_checked

FOLDER = Path(__file__).parent / "weights"
_TOP_ARGUMENTS = ("include_top", "pooling")


def packaged() -> dict[str, Path]:
    """The files of weights that come with the package, by name."""
    return {file.name.removesuffix(SUFFIX): file for file in sorted(FOLDER.glob(f"*{SUFFIX}"))}


def list_weights() -> dict[str, WeightsCard]:
    """Lists the weights that come with the package.

    Returns:
        Their cards, by the names that `load_network` takes. `weights=card.name` is for the
        function `card.network` with `card.arguments`.

    Raises:
        ValueError: If a card is damaged.

    Example:

    ```python
    for name, card in ksa.models.list_weights().items():
        print(name, card.network, card.test_accuracy)
    ```
    """
    return {name: read_card(file) for name, file in packaged().items()}


def load_given_weights(model: keras.Model, arguments: Arguments) -> None:
    """Loads the weights that `arguments.weights` names.

    Raises:
        ValueError: If there are no such weights, or they are of another network.
    """
    file, card = _find(arguments)
    if card is None:
        load_checked(model, file, None)
        return
    _check_arguments(arguments, card)
    if arguments.include_top:
        load_checked(model, file, card.sha256)
        return
    whole = NETWORKS[card.network](**card.arguments)
    load_checked(whole, file, card.sha256)
    for layer in model.layers:
        if layer.weights:
            layer.set_weights(whole.get_layer(layer.name).get_weights())


def _find(arguments: Arguments) -> tuple[Path, WeightsCard | None]:
    """The file, and its card if it has one."""
    cards = {name: read_card(file) for name, file in packaged().items()}
    own = {name: card for name, card in cards.items() if card.network == arguments.function}
    named = [name for name, card in own.items() if card.name == str(arguments.weights)]
    if named:
        fitting = [name for name in named if not _differences(arguments, own[name])]
        name = (fitting or named)[0]
        return packaged()[name], own[name]
    file = Path(arguments.weights)
    if not file.is_file():
        names = tuple(sorted({card.name for card in own.values()}))
        raise ValueError(
            "`weights` must be None, the name of weights that come with the package (for "
            f"{arguments.function}: {names or 'none'}), or the path of a file. "
            f"Received: weights={str(arguments.weights)!r}."
        )
    return file, read_card(file) if card_path(file).is_file() else None


def _differences(arguments: Arguments, card: WeightsCard) -> dict[str, tuple[Any, Any]]:
    """Arguments that are not those of the card: what it has, what was given."""
    skipped: tuple[str, ...] = (*FREE_ARGUMENTS, *_TOP_ARGUMENTS)
    if not arguments.include_top:
        skipped = (*skipped, "num_classes", "classifier_operator")
    expected = {**_defaults(card.network), **card.arguments}
    return {
        name: (expected[name], value)
        for name, value in arguments.given.items()
        if name not in skipped and not _same(name, expected.get(name), value)
    }


def _same(name: str, expected: Any, given: Any) -> bool:
    if name != "operators" or isinstance(expected, str) == isinstance(given, str):
        return bool(expected == given)
    one, several = (expected, given) if isinstance(expected, str) else (given, expected)
    return all(operator == one for operator in several)


def _defaults(network: str) -> dict[str, Any]:
    parameters = inspect.signature(NETWORKS[network]).parameters
    return {name: parameter.default for name, parameter in parameters.items()}


def _check_arguments(arguments: Arguments, card: WeightsCard) -> None:
    if card.network != arguments.function:
        raise ValueError(
            f"The weights are of {card.network}, not of {arguments.function}. "
            f"Received: weights={str(arguments.weights)!r}."
        )
    differences = _differences(arguments, card)
    if differences:
        rule = ", ".join(f"{name}={expected!r}" for name, (expected, _) in differences.items())
        given = ", ".join(f"{name}={value!r}" for name, (_, value) in differences.items())
        raise ValueError(
            f"The weights {str(arguments.weights)!r} need {rule}. Received: {given}. "
            "For other classes, use include_top=False and a classifier of your own."
        )
