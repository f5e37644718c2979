"""Trains weights for `keras_shiftadd.models`, and writes them with their card.

    python benchmarks/train_weights.py [--operator NAME ...] [--folder FOLDER] [--json FILE]
    python benchmarks/train_weights.py --set keywords --data FILE.npz --json FILE
    python benchmarks/train_weights.py --render FILE

A ResNet-8 of half the width for the smartwatch gestures, a DS-CNN of half the width for Speech
Commands, with the recipe of `search_training`; the hybrid has shift and adder blocks in turn. Each
seed is tested on people of its own, whom the others train on; the weights are those of the first
seed, and the card holds the accuracies of all. With --json a training that was stopped goes on.
"""

import argparse
import pathlib
import tempfile
from dataclasses import dataclass
from typing import Any

import accuracy_networks
import commands
import machine

FOLDER = pathlib.Path(__file__).resolve().parents[1] / "keras_shiftadd" / "models" / "weights"
OPERATORS = ("conv", "shift", "adder", "hybrid")


@dataclass(frozen=True)
class Source:
    """Data of a training: their name, what a card says of them, and epochs that serve them."""

    name: str
    data: str
    licence: str
    epochs: int


SOURCES = {
    "gestures": Source(
        "gestures",
        "Smartwatch recordings of 7 shoulder exercises by 10 people, from PyPI's seglearn (Burns "
        "et al., 2018): windows of 128 samples at 50 Hz, three axes of accelerometer and "
        "gyroscope",
        "BSD-3-Clause (the data), Apache-2.0 (the weights)",
        12,
    ),
    "keywords": Source(
        "speech_commands",
        "Speech Commands v0.02 (Warden, 2018), the 4,890 clips of its test set of 12 classes at "
        "8 kHz, 8-bit mu-law, three fifths of the speakers: 49 frames of 20 logarithms of mel "
        "bands",
        "CC BY 4.0 (the data), Apache-2.0 (the weights)",
        24,
    ),
}


def arguments(
    options: argparse.Namespace, operator: str, shape: tuple[int, ...], classes: int
) -> dict[str, Any]:
    """Arguments of the network."""
    operators: Any = accuracy_networks.in_turn(options) if operator == "hybrid" else operator
    return {
        "input_shape": list(shape),
        "num_classes": classes,
        "operators": operators,
        "alpha": options.alpha,
    }


def preprocessing(data: Any) -> dict[str, Any]:
    """How inputs are made from recordings, for the card."""
    import search_data

    made: dict[str, Any] = {"mean": data.mean.tolist(), "deviation": data.deviation.tolist()}
    if data.name != "keywords":
        return made
    return {
        "rate_hz": search_data.RATE,
        "frame": search_data.FRAME,
        "hop": search_data.HOP,
        "fft": search_data.FFT,
        "window": "hann",
        "bands": search_data.BANDS,
        "band_limits_hz": list(search_data.LIMITS),
        "added_before_log": search_data.FLOOR,
        **made,
    }


def train(
    options: argparse.Namespace, operator: str, seed: int, file: pathlib.Path
) -> dict[str, Any]:
    """Trains one seed and saves its plain weights."""
    import keras
    from search_training import accuracy, train_alone

    import keras_shiftadd as ksa

    data = accuracy_networks.load(options, seed)
    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)
    made = arguments(options, operator, data.shape, data.classes)
    model = getattr(ksa.models, options.network)(**made, classifier_activation=None)
    train_alone(model, data, options.epochs, seed)
    model.save_weights(file)
    return {
        "test": accuracy(model, data.x_test, data.y_test),
        "validation": accuracy(model, data.x_val, data.y_val),
        "shape": list(data.shape),
        "classes": list(data.names),
        "preprocessing": preprocessing(data),
    }


def measure(options: argparse.Namespace, figures: dict[str, Any]) -> None:
    """Trains the seeds that are missing, and writes weights and cards."""
    commands.keep_setting(
        options,
        figures,
        {"set": options.set, "epochs": options.epochs, "first": options.seeds[0]},
    )
    runs, cards = figures.setdefault("runs", {}), figures.setdefault("cards", {})
    with tempfile.TemporaryDirectory() as folder:
        kept = options.json or pathlib.Path(folder, "runs.json")
        for operator in options.operator:
            of = runs.setdefault(operator, {})
            # Beside the figures: a training that was stopped goes on.
            first = kept.with_name(f"{kept.stem}_{operator}.weights.h5")
            for seed in options.seeds:
                if str(seed) in of:
                    continue
                file = first
                if seed != options.seeds[0]:
                    file = pathlib.Path(folder, "other.weights.h5")
                of[str(seed)] = train(options, operator, seed, file)
                machine.write(options.json, figures)
                print(f"{operator}, seed {seed}: {100 * of[str(seed)]['test']:.1f} %", flush=True)
            cards[operator] = save(options, operator, of, first)
            machine.write(options.json, figures)


def save(
    options: argparse.Namespace, operator: str, runs: dict[str, Any], weights: pathlib.Path
) -> dict[str, Any]:
    """Writes the weights of the first seed, with the card of all seeds; returns the card."""
    import keras_shiftadd as ksa

    source, of = SOURCES[options.set], runs[str(options.seeds[0])]
    made = arguments(options, operator, of["shape"], len(of["classes"]))
    model = getattr(ksa.models, options.network)(**made, weights=weights)
    data = "" if options.set == "gestures" else f"--set {options.set} --data FILE.npz "
    seeds = " ".join(map(str, options.seeds))
    name = f"{options.network.lower()}_{operator}_{source.name}"
    options.folder.mkdir(parents=True, exist_ok=True)
    card = ksa.models.save_weights(
        model,
        options.folder / f"{name}.weights.h5",
        name=source.name,
        network=options.network,
        arguments=made,
        classes=of["classes"],
        data=source.data,
        licence=source.licence,
        command=(
            f"python benchmarks/train_weights.py {data}--operator {operator} "
            f"--epochs {options.epochs} --seeds {seeds}"
        ),
        accuracies={seed: runs[str(seed)]["test"] for seed in options.seeds},
        preprocessing=of["preprocessing"],
    )
    return {
        "file": name,
        "parameters": model.count_params(),
        "test_accuracy": card.test_accuracy,
        "energy_uj": card.energy_uj,
    }


def lines(figures: dict[str, Any]) -> list[str]:
    """A Markdown table of the figures."""
    from search_statistics import mean_and_deviation

    table = [
        "| weights | parameters | test accuracy, % | of these weights | energy |",
        "|---|---|---|---|---|",
    ]
    for operator, card in figures["cards"].items():
        values = [100 * run["test"] for run in figures["runs"][operator].values()]
        table.append(
            f"| `{card['file']}` | {card['parameters']:,} | {mean_and_deviation(values, digits=1)} "
            f"| {100 * card['test_accuracy']:.1f} | {card['energy_uj']:.3f} µJ |"
        )
    return table


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands.add_data_arguments(parser)
    parser.add_argument("--operator", nargs="+", choices=OPERATORS, default=list(OPERATORS))
    parser.add_argument("--epochs", type=int, help="12 for gestures, 24 for keywords")
    parser.add_argument("--folder", type=pathlib.Path, default=FOLDER)
    commands.add_json_arguments(parser)
    options = parser.parse_args()
    if options.set not in SOURCES:
        parser.error(f"--set must be one of {', '.join(SOURCES)}. Received: {options.set}.")
    options.network, options.alpha = accuracy_networks.DEFAULTS[options.set]
    options.epochs = options.epochs or SOURCES[options.set].epochs
    return options


def main() -> None:
    """Trains, or renders what was trained."""
    commands.resume(parse(), measure, lines)


if __name__ == "__main__":
    main()
