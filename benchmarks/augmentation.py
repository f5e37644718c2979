"""Tiny networks plain and augmented: test accuracy at equal epochs and at equal time.

    python benchmarks/augmentation.py --json augmentation.json                      # gestures
    python benchmarks/augmentation.py --set keywords --data FILE.npz --json FILE
    python benchmarks/augmentation.py --set cifar100 --data FOLDER --limit 25000 --json FILE
    python benchmarks/augmentation.py --render FILE

For networks of shift layers, adder layers, and both in turn: trained plainly, plainly for as long
as the augmented ones take (the extra epochs are those that the measured time of a step buys), and
inside wide networks, in each form. Seeds test on three folds. What is in the JSON file already is
not measured again.
"""

import argparse
import time
from typing import Any

import commands
import machine
import numpy as np
from search_statistics import mean_and_deviation

OPERATORS = ("conv", "shift", "adder", "shift-adder")
# Arguments of HybridAugmentation.
AUGMENTED: dict[str, dict[str, Any]] = {
    "conv, transport": {"operator": "conv", "weight_sharing": "transport"},
    "conv, gain": {"operator": "conv", "weight_sharing": "gain"},
    "conv, binned": {"operator": "conv", "weight_sharing": "binned"},
    "conv, none": {"operator": "conv", "weight_sharing": "none"},
    "mixed": {"operator": "mixed"},
    "own": {"operator": "own"},
}
# None is a plain training.
FORMS: dict[str, dict[str, Any] | None] = {
    "plain": None,
    "plain, equal time": None,
    **AUGMENTED,
}


def network(
    shape: tuple[int, ...], classes: int, operator: str, width: int, gradient_scale: float = 0.2
) -> Any:
    """A stem, four layers of an operator, two of them with a stride, and a classifier."""
    import keras

    import keras_shiftadd as ksa

    series = len(shape) == 2
    stem, shift, adder = (
        (keras.layers.Conv1D, ksa.layers.ShiftConv1D, ksa.layers.AdderConv1D)
        if series
        else (keras.layers.Conv2D, ksa.layers.ShiftConv2D, ksa.layers.AdderConv2D)
    )
    kinds = {
        "conv": [stem] * 4,
        "shift": [shift] * 4,
        "adder": [adder] * 4,
        "shift-adder": [shift, adder] * 2,
    }[operator]
    pool = keras.layers.GlobalAveragePooling1D if series else keras.layers.GlobalAveragePooling2D
    inputs = keras.Input(shape)
    layers = [stem(width, 3, padding="same", use_bias=False)]
    for i, kind in enumerate(kinds):
        more = {"gradient_scale": gradient_scale} if kind is adder else {}
        size = width * (1 + i // 2)
        strides = 2 if i % 2 == 0 else 1
        layers.append(kind(size, 3, strides=strides, padding="same", use_bias=False, **more))
    x = inputs
    for layer in layers:
        x = keras.layers.ReLU()(keras.layers.BatchNormalization()(layer(x)))
    return keras.Model(inputs, keras.layers.Dense(classes)(pool()(x)))


def train(data: Any, operator: str, form: str, seed: int, epochs: int, options: Any) -> Any:
    """Trains a network; returns accuracies and seconds."""
    import keras
    from search_training import accuracy, calibration_samples, train_alone

    import keras_shiftadd as ksa

    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)
    model = network(data.shape, data.classes, operator, options.width, options.gradient_scale)
    callbacks = []
    arguments = FORMS[form]
    if arguments is not None:
        callbacks = [
            ksa.callbacks.HybridAugmentation(
                widths=tuple(options.widths),
                loss_weight=options.loss_weight,
                schedule=options.schedule,
                batch_fraction=options.batch_fraction,
                calibration_data=calibration_samples(data),
                seed=seed,
                **arguments,
            )
        ]
    # Time of the processor: other programs do not lengthen it.
    start = time.process_time()
    history = train_alone(model, data, epochs, seed, callbacks)
    return {
        "epochs": epochs,
        "seconds": time.process_time() - start,
        "train": history["accuracy"][-1],
        "validation": accuracy(model, data.x_val, data.y_val),
        "test": accuracy(model, data.x_test, data.y_test),
    }


def measure(options: argparse.Namespace, figures: dict[str, Any]) -> None:
    """Adds to `figures` what is missing, and saves after each run."""
    names = ["set", "limit", "width", "epochs", "widths", "loss_weight", "schedule"]
    names += ["batch_fraction", "gradient_scale"]
    commands.keep_setting(options, figures, {name: getattr(options, name) for name in names})
    runs = figures.setdefault("runs", {})
    for seed in options.seeds:
        data = load(options, seed)
        for operator in options.operator:
            of = runs.setdefault(operator, {})
            # The plain training of equal time needs the times of the others.
            for form in sorted(options.form, key=lambda form: form == "plain, equal time"):
                if str(seed) in of.setdefault(form, {}):
                    continue
                epochs = options.epochs
                if form == "plain, equal time":
                    epochs = equal_epochs(of, str(seed), epochs)
                result = train(data, operator, form, seed, epochs, options)
                of[form][str(seed)] = result
                machine.write(options.json, figures)
                print(
                    f"seed {seed}, {operator}, {form}: test {100 * result['test']:.1f} %, train "
                    f"{100 * result['train']:.1f} %, {epochs} epochs, {result['seconds']:.0f} s",
                    flush=True,
                )


def load(options: argparse.Namespace, seed: int) -> Any:
    """The data of a seed."""
    import cifar_data
    import search_data

    if options.set == "cifar100":
        return cifar_data.load(options.data, seed, options.limit)
    return search_data.load(options.set, options.data, seed % 3)


def equal_epochs(runs: dict[str, Any], seed: str, epochs: int) -> int:
    """Epochs of plain training in the mean time of the augmented ones of a seed."""
    augmented = [runs[f][seed]["seconds"] for f in runs if FORMS[f] is not None and seed in runs[f]]
    if not augmented or seed not in runs.get("plain", {}):
        raise SystemExit("'plain, equal time' needs 'plain' and an augmented form of the seed.")
    return max(1, round(epochs * float(np.mean(augmented)) / runs["plain"][seed]["seconds"]))


def lines(figures: dict[str, Any]) -> list[str]:
    """A Markdown table of the figures."""
    runs = figures["runs"]
    table = [
        "Test accuracy in %, mean ± deviation of the seeds; gain over plain, a pair a seed.",
        "",
        "| network | training | epochs | time | accuracy | gain | validation | training data |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for operator, of in runs.items():
        plain = of.get("plain", {})
        for form, results in of.items():
            if not results:
                continue
            seeds = sorted(set(results) & set(plain), key=int)
            gains = [100 * (results[s]["test"] - plain[s]["test"]) for s in seeds]
            ratio = np.mean([results[s]["seconds"] / plain[s]["seconds"] for s in seeds])
            columns = [
                mean_and_deviation([100 * r[part] for r in results.values()], digits=1)
                for part in ("test", "validation", "train")
            ]
            epochs = round(np.mean([r["epochs"] for r in results.values()]))
            gain = "-" if form == "plain" else mean_and_deviation(gains, digits=1)
            table.append(
                f"| {operator} | {form} | {epochs} | {ratio:.1f} x | {columns[0]} | {gain} | "
                f"{columns[1]} | {columns[2]} |"
            )
    return table


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands.add_data_arguments(parser)
    parser.add_argument("--operator", nargs="+", choices=OPERATORS, default=list(OPERATORS[1:]))
    parser.add_argument("--form", nargs="+", choices=FORMS, default=list(FORMS))
    parser.add_argument("--limit", type=int, help="cifar100: the most training images")
    parser.add_argument("--width", type=int, default=8, help="channels of the first layers")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--widths", nargs="+", type=float, default=[1.6, 2.2, 2.8])
    parser.add_argument("--loss-weight", type=float, default=1.0)
    parser.add_argument("--schedule", type=float, default=1.0)
    parser.add_argument("--batch-fraction", type=float, default=1.0)
    parser.add_argument("--gradient-scale", type=float, default=0.2, help="of adder layers")
    parser.add_argument("--quick", action="store_true", help="two epochs, one seed, one network")
    commands.add_json_arguments(parser)
    options = parser.parse_args()
    if options.quick:
        options.epochs, options.seeds, options.operator = 2, [0], ["shift"]
        options.form = ["plain", "conv, transport"]
    return options


def main() -> None:
    """Measures what is missing, or renders what was measured."""
    commands.resume(parse(), measure, lines)


if __name__ == "__main__":
    main()
