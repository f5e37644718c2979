"""Pruning, clustering and quantisation-aware training: accuracy, and sizes of compressed files.

    python benchmarks/compression.py --json compression.json                        # gestures
    python benchmarks/compression.py --set keywords --data FILE.npz --json FILE
    python benchmarks/compression.py --render FILE

A network of each operator is trained plainly, then pruned, clustered, and trained with the rounding
of int8, each from the plain one and with as many epochs. Every result is exported: its accuracy in
int8, and the size of the file before and after gzip. Post-training quantisation is that of
`keras_shiftadd.export.quantize`, with each calibration. Seeds test on three folds. What is in the
JSON file already is not measured again.
"""

import argparse
import gzip
import pathlib
import tempfile
import time
from typing import Any

import commands
import machine
import numpy as np
from augmentation import OPERATORS, network
from search_statistics import mean_and_deviation

FORMS = ("float", "pruned", "clustered", "quantisation-aware")
CALIBRATIONS = ("minmax", "percentile", "mse")
RATE = {"pruned": 0.05, "clustered": 0.005, "quantisation-aware": 0.01}
SPARSITY, CLUSTERS = 0.75, 16


class Case:
    """A trained network and what is made of it.

    Args:
        options: The command line.
        operator: Of the network.
        seed: Of weights and folds.
    """

    def __init__(self, options: argparse.Namespace, operator: str, seed: int) -> None:
        import keras
        import search_data
        from search_training import train_alone

        self.options, self.seed = options, seed
        self.data = search_data.load(options.set, options.data, seed % 3)
        keras.utils.clear_session()
        keras.utils.set_random_seed(seed)
        self.model = network(self.data.shape, self.data.classes, operator, options.width)
        if options.shift_bits:
            self.model = _with_bits(self.model, options.shift_bits)
        train_alone(self.model, self.data, options.epochs, seed)

    def measure(self, form: str) -> dict[str, Any]:
        """Makes a form of the network, exports it and measures it."""
        import keras_shiftadd as ksa

        start = time.monotonic()
        model = self.model if form == "float" else self._make(form)
        if form != "float":
            ksa.callbacks.recalibrate_batch_normalization(model, self._calibration())
        calibrations = CALIBRATIONS if form == "float" else ("mse",)
        return {
            "float": self._accuracy(model),
            "int8": {name: self._int8_accuracy(model, name) for name in calibrations},
            **self._sizes(model),
            **_weights(model),
            "seconds": time.monotonic() - start,
        }

    def _make(self, form: str) -> Any:
        import keras

        import keras_shiftadd as ksa

        x, y = self._samples()
        steps = self.options.fine_epochs * -(-len(x) // 64)
        rate = keras.optimizers.schedules.CosineDecay(RATE[form], steps)
        arguments = {
            "optimizer": keras.optimizers.SGD(rate, momentum=0.9, nesterov=True),
            "epochs": self.options.fine_epochs,
            "batch_size": 64,
            "seed": self.seed,
            "verbose": 0,
        }
        if form == "pruned":
            frequency = max(steps // 20, 1)
            end = 12 * frequency if steps >= 20 else steps
            schedule = ksa.compression.PolynomialDecay(0.0, SPARSITY, 0, end, frequency=frequency)
            return ksa.compression.prune(self.model, schedule, x, y, **arguments)
        if form == "clustered":
            return ksa.compression.cluster(self.model, CLUSTERS, x, y, **arguments)
        return ksa.compression.quantize_aware(self.model, x, y, **arguments)

    def _samples(self) -> tuple[np.ndarray, np.ndarray]:
        """The training part, and an augmented copy of it."""
        data = self.data
        if data.augment is None:
            return data.x_train, data.y_train
        more = data.augment(data.x_train, np.random.default_rng(self.seed)).astype(np.float32)
        return np.concatenate([data.x_train, more]), np.concatenate([data.y_train] * 2)

    def _calibration(self) -> np.ndarray:
        from search_training import calibration_samples

        return calibration_samples(self.data)

    def _accuracy(self, model: Any) -> float:
        from search_training import accuracy

        return accuracy(model, self.data.x_test, self.data.y_test)

    def _int8_accuracy(self, model: Any, calibration: str) -> float:
        import keras_shiftadd as ksa

        integers = ksa.export.quantize(model, self._calibration()[:256], calibration=calibration)
        outputs = ksa.export.IntegerInterpreter(integers).predict(self.data.x_test)
        return float(np.mean(outputs.argmax(axis=1) == self.data.y_test))

    def _sizes(self, model: Any) -> dict[str, int]:
        import keras_shiftadd as ksa

        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "model.tflite"
            samples = self._calibration()[:64]
            ksa.export.to_tflite(model, file, samples, kernels="custom", verbose=0)
            content = file.read_bytes()
        return {"bytes": len(content), "gzip": len(gzip.compress(content, 9, mtime=0))}


def _with_bits(model: Any, bits: int) -> Any:
    """The same network with shift layers of another number of bits."""
    import keras

    def clone(layer: Any) -> Any:
        config = layer.get_config()
        if "weight_bits" in config:
            config["weight_bits"] = bits
        return type(layer).from_config(config)

    copy = keras.models.clone_model(model, clone_function=clone)
    copy.set_weights(model.get_weights())
    return copy


def _weights(model: Any) -> dict[str, float]:
    """The share of zeros in all kernels, and the most different weights of one."""
    import keras

    kernels = [
        keras.ops.convert_to_numpy(layer.kernel)
        for layer in model.layers
        if hasattr(layer, "kernel")
    ]
    zeros = sum(int(np.sum(kernel == 0)) for kernel in kernels)
    return {
        "zeros": zeros / sum(kernel.size for kernel in kernels),
        "values": max(len(np.unique(kernel)) for kernel in kernels),
    }


def measure(options: argparse.Namespace, figures: dict[str, Any]) -> None:
    """Adds to `figures` what is missing, and saves after each form."""
    names = ("set", "width", "epochs", "fine_epochs", "shift_bits")
    commands.keep_setting(options, figures, {name: getattr(options, name) for name in names})
    runs = figures.setdefault("runs", {})
    for seed in options.seeds:
        for operator in options.operator:
            of = runs.setdefault(operator, {form: {} for form in FORMS})
            missing = [form for form in FORMS if str(seed) not in of[form]]
            if not missing:
                continue
            case = Case(options, operator, seed)
            for form in missing:
                result = case.measure(form)
                of[form][str(seed)] = result
                machine.write(options.json, figures)
                print(
                    f"seed {seed}, {operator}, {form}: float {100 * result['float']:.1f} %, int8 "
                    f"{100 * result['int8']['mse']:.1f} %, {result['gzip']:,} bytes in gzip, "
                    f"{result['seconds']:.0f} s",
                    flush=True,
                )


def lines(figures: dict[str, Any]) -> list[str]:
    """Markdown tables of the figures."""
    table = [
        "Test accuracy in %, mean ± deviation of the seeds; difference to float, a pair a seed.",
        "",
        "| network | form | float | int8 | int8 - float network | zeros | .tflite | gzip |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for operator, of in figures["runs"].items():
        plain = of["float"]
        for form, results in of.items():
            if not results:
                continue
            seeds = sorted(set(results) & set(plain), key=int)
            lost = [100 * (results[s]["int8"]["mse"] - plain[s]["float"]) for s in seeds]
            accuracies = [
                mean_and_deviation([100 * number for number in numbers], digits=1)
                for numbers in (
                    [r["float"] for r in results.values()],
                    [r["int8"]["mse"] for r in results.values()],
                )
            ]
            zeros = np.mean([r["zeros"] for r in results.values()])
            sizes = [np.mean([r[name] for r in results.values()]) for name in ("bytes", "gzip")]
            table.append(
                f"| {operator} | {form} | {accuracies[0]} | {accuracies[1]} | "
                f"{mean_and_deviation(lost, digits=1)} | {100 * zeros:.0f} % | "
                f"{sizes[0]:,.0f} | {sizes[1]:,.0f} |"
            )
    table += [
        "",
        "| network | float | " + " | ".join(CALIBRATIONS) + " | quantisation-aware |",
        "|---|---|" + "---|" * (len(CALIBRATIONS) + 1),
    ]
    for operator, of in figures["runs"].items():
        aware = [100 * r["int8"]["mse"] for r in of["quantisation-aware"].values()]
        if not aware:
            continue
        plain = of["float"].values()
        columns = [mean_and_deviation([100 * r["float"] for r in plain], digits=1)]
        columns += [
            mean_and_deviation([100 * r["int8"][name] for r in plain], digits=1)
            for name in CALIBRATIONS
        ]
        columns.append(mean_and_deviation(aware, digits=1))
        table.append(f"| {operator} | {' | '.join(columns)} |")
    return table


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--set", default="gestures", help="gestures, keywords, or a name")
    parser.add_argument("--data", type=pathlib.Path, help="the .npz file, see search_data.py")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--operator", nargs="+", choices=OPERATORS, default=list(OPERATORS[:3]))
    parser.add_argument("--width", type=int, default=16, help="channels of the first layers")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--fine-epochs", type=int, default=10, help="of each form")
    parser.add_argument("--shift-bits", type=int, default=0, help="bits of shift layers; 0: 5")
    parser.add_argument("--quick", action="store_true", help="two epochs, one seed, one network")
    commands.add_json_arguments(parser)
    options = parser.parse_args()
    if options.quick:
        options.epochs, options.fine_epochs = 2, 1
        options.seeds, options.operator = [0], ["shift"]
    return options


def main() -> None:
    """Measures what is missing, or renders what was measured."""
    commands.resume(parse(), measure, lines)


if __name__ == "__main__":
    main()
