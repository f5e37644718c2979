"""A hybrid keyword spotter on a Cortex-M4, beside its multiplicative twin run with CMSIS-NN.

    python benchmarks/keyword_firmware.py --data FILE.npz --json keywords.json --choose
    python benchmarks/keyword_firmware.py --data FILE.npz --json keywords.json
    python benchmarks/keyword_firmware.py --render keywords.json

The network is a stack of temporal convolutions over log-mel frames, each followed by
BatchNormalization and ReLU, with a shortcut around layers that keep their shape. In the twin all
layers multiply; in a hybrid some of them are adder layers. A name has a letter a layer, c or a:
`cccaaa` has adders in its last three. All are trained alike, quantised to int8, and the int8
networks are tested.

With `--choose`, networks are trained on the speakers of fold 2 and scored on its validation
speakers, who are in no test. Without it the twin and `--hybrid` are trained and tested, each seed
on speakers of a fold of its own. Instructions of our kernels are counted in Unicorn, the bits
checked; those of the twin with CMSIS-NN layer by layer (`cmsis_network.py`). What is in the JSON
file already is not measured again.
"""

import argparse
import pathlib
import tempfile
from typing import Any

import commands
import machine
import numpy as np
from search_statistics import mean_and_deviation

TARGET = "cortex-m4"
TWIN = "cccccc"
# Filters, taps and stride of each layer.
LAYERS = ((32, 3, 1), (48, 5, 2), (48, 5, 1), (64, 5, 2), (64, 5, 1), (96, 1, 1))
CANDIDATES = (TWIN, "ccacac", "ccaaac", "ccaaaa", "caaaaa")
# A point better than the default, 0.2, on the validation speakers of fold 2.
GRADIENT_SCALE = 0.6
CALIBRATION = 512
DROPOUT = 0.2
CHOICE_FOLD = 2
SAMPLES = 4  # that run in the emulator
RATIO_GOAL, ACCURACY_GOAL = 0.6, 1.0


def network(shape: tuple[int, ...], classes: int, operators: str) -> Any:
    """A network that returns logits, with an operator for each of `LAYERS`."""
    import keras

    import keras_shiftadd as ksa

    inputs = x = keras.Input(shape)
    for (filters, taps, stride), operator in zip(LAYERS, operators, strict=True):
        arguments = {"strides": stride, "padding": "same", "use_bias": False}
        if operator == "a":
            y = ksa.layers.AdderConv1D(filters, taps, gradient_scale=GRADIENT_SCALE, **arguments)(x)
        else:
            y = keras.layers.Conv1D(filters, taps, **arguments)(x)
        y = keras.layers.BatchNormalization()(y)
        if x.shape == y.shape:
            y = keras.layers.Add()([x, y])
        x = keras.layers.ReLU()(y)
    x = keras.layers.AveragePooling1D(x.shape[1])(x)
    x = keras.layers.Dropout(DROPOUT)(keras.layers.Flatten()(x))
    return keras.Model(inputs, keras.layers.Dense(classes)(x))


def train(operators: str, data: Any, seed: int, options: argparse.Namespace) -> Any:
    """A trained network."""
    import keras
    from search_training import train_alone

    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)
    model = network(data.shape, data.classes, operators)
    train_alone(model, data, options.epochs, seed)
    return model


def firmware(model: Any, data: Any, rounding: Any) -> tuple[Any, int, dict[str, float]]:
    """The int8 network, the instructions of its C, and those of each layer.

    Raises:
        RuntimeError: The C has not the bits of the reference.
    """
    from search_training import calibration_samples

    import keras_shiftadd as ksa

    calibration = calibration_samples(data)[:CALIBRATION]
    int8 = ksa.export.quantize(model, calibration, conv_rounding=rounding, add_rounding="single")
    x = data.x_val[:SAMPLES]
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "firmware")
        ksa.export.to_c(int8, path, target=TARGET)
        done = ksa.export.simulate(path, TARGET, x)
    inputs = int8.tensors[int8.input].quantization.quantize(x)
    if not np.array_equal(
        done.outputs, ksa.export.IntegerInterpreter(int8).predict_quantized(inputs)
    ):
        raise RuntimeError("The C must have the bits of the reference. Received: others")
    assert done.instructions is not None
    assert done.instructions_per_layer is not None
    return int8, round(done.instructions), done.instructions_per_layer


def score(int8: Any, x: np.ndarray, y: np.ndarray) -> float:
    """Accuracy of an int8 network in the NumPy reference."""
    import keras_shiftadd as ksa

    return float(np.mean(ksa.export.IntegerInterpreter(int8).predict(x).argmax(axis=1) == y))


def choose(options: argparse.Namespace, figures: commands.Figures) -> None:
    """Trains and validates candidates."""
    import search_data
    from search_training import accuracy

    runs = figures.setdefault("validation", {})
    data = search_data.load("keywords", options.data, CHOICE_FOLD)
    for seed in options.seeds:
        for operators in options.candidates:
            if str(seed) in runs.setdefault(operators, {}):
                continue
            model = train(operators, data, seed, options)
            int8, instructions, _ = firmware(model, data, "single")
            runs[operators][str(seed)] = {
                "float": accuracy(model, data.x_val, data.y_val),
                "int8": score(int8, data.x_val, data.y_val),
                "instructions": instructions,
            }
            print(f"seed {seed}, {operators}: {runs[operators][str(seed)]}", flush=True)
            machine.write(options.json, figures)


def test(options: argparse.Namespace, figures: commands.Figures) -> None:
    """Trains and tests the twin and the hybrid."""
    import search_data
    from cmsis_network import count_layers
    from search_training import accuracy

    runs = figures.setdefault("test", {})
    for seed, data in search_data.load_seeds("keywords", options.data, options.seeds):
        for operators in (TWIN, *options.hybrid):
            if str(seed) in runs.setdefault(operators, {}):
                continue
            model = train(operators, data, seed, options)
            int8, instructions, layers = firmware(model, data, "single")
            run = {
                "float": accuracy(model, data.x_test, data.y_test),
                "instructions": instructions,
                "layers": layers,
            }
            if operators == TWIN:  # as TFLite rounds, for CMSIS-NN
                int8, run["tflite_rounding"], layers = firmware(model, data, "double")
                x = int8.tensors[int8.input].quantization.quantize(data.x_val[0])
                counts = count_layers(int8, x, TARGET, layers)
                run["cmsis"] = [[c.layer, c.function, c.instructions] for c in counts]
            run["int8"] = score(int8, data.x_test, data.y_test)
            runs[operators][str(seed)] = run
            print(f"seed {seed}, {operators}: {run}", flush=True)
            machine.write(options.json, figures)


def measure(options: argparse.Namespace, figures: commands.Figures) -> None:
    """Adds what is missing."""
    commands.keep_setting(options, figures, {"epochs": options.epochs, "layers": str(LAYERS)})
    if options.choose:
        choose(options, figures)
    else:
        test(options, figures)


def lines(figures: commands.Figures) -> list[str]:
    """The tables, and whether the goals are reached."""
    text = []
    if runs := figures.get("validation"):
        text += [
            "Validation speakers:",
            "",
            "| network | float, % | int8, % | instructions, our kernels |",
            "|---|---|---|---|",
        ]
        text += [f"| `{name}` | {_accuracies(of)} | {_millions(of)} |" for name, of in runs.items()]
        text.append("")
    if runs := figures.get("test"):
        text += _test_lines(runs)
    return text


def _test_lines(runs: dict[str, dict[str, Any]]) -> list[str]:
    twin = runs[TWIN]
    cmsis = {seed: sum(count for *_, count in run["cmsis"]) for seed, run in twin.items()}
    mean = np.mean(list(cmsis.values()))
    text = [
        "Test speakers; million instructions on a Cortex-M4:",
        "",
        "| network | float, % | int8, % | instructions | of the twin with CMSIS-NN |",
        "|---|---|---|---|---|",
        f"| twin, CMSIS-NN | {_accuracies(twin)} | {mean / 1e6:.3f} | 1.00 |",
    ]
    verdicts = []
    for name, of in runs.items():
        ratio = np.mean([run["instructions"] / cmsis[seed] for seed, run in of.items()])
        title = "twin, our kernels" if name == TWIN else f"hybrid `{name}`"
        text.append(f"| {title} | {_accuracies(of)} | {_millions(of)} | {ratio:.2f} |")
        if name == TWIN:
            continue
        lost = [100 * (twin[seed]["int8"] - run["int8"]) for seed, run in of.items()]
        goals = (ratio <= RATIO_GOAL, np.mean(lost) <= ACCURACY_GOAL)
        verdicts.append(
            f"- `{name}`: {ratio:.2f} times the instructions, {mean_and_deviation(lost)} points "
            f"lost in {len(lost)} pairs: {'reached' if all(goals) else 'NOT reached'}"
        )
    layers = [
        f"| {layer} | {function} | {count:,} |"
        for layer, function, count in next(iter(twin.values()))["cmsis"]
    ]
    goal = f"Goal: at most {RATIO_GOAL:g} times, at most {ACCURACY_GOAL:g} point lost."
    head = ["", "| layer of the twin | fastest of CMSIS-NN | instructions |", "|---|---|---|"]
    return [*text, "", goal, *verdicts, *head, *layers]


def _accuracies(runs: dict[str, Any]) -> str:
    return " | ".join(
        mean_and_deviation([100 * run[form] for run in runs.values()], digits=1)
        for form in ("float", "int8")
    )


def _millions(runs: dict[str, Any]) -> str:
    return f"{np.mean([run['instructions'] for run in runs.values()]) / 1e6:.3f}"


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=pathlib.Path, help="the .npz file, see search_data.py")
    parser.add_argument("--choose", action="store_true", help="validate candidates, test nothing")
    parser.add_argument("--candidates", nargs="+", default=list(CANDIDATES))
    parser.add_argument("--hybrid", nargs="+", default=["ccacac"], help="what is tested")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, default=30)
    commands.add_json_arguments(parser)
    return parser.parse_args()


def main() -> None:
    """Measures what is missing, or renders what was measured."""
    commands.resume(parse(), measure, lines)


if __name__ == "__main__":
    main()
