"""Whole networks as C on emulated processors: equal bits, executed instructions, flash and RAM.

    python benchmarks/network_firmware.py                       # small networks, 100 inputs
    python benchmarks/network_firmware.py --networks resnet8 --samples 3 --engines unicorn qemu

Each network is quantised, run by the NumPy reference, by its C on this machine, and by its C in the
emulators; all outputs must have the same bits. Rounded as TFLite does, it is also written as a
`.tflite` file and run by LiteRT, by tflite-micro and, as C, on this machine. Weights are random: no
figure depends on what they are but those of shift layers, whose zeros cost nothing. With
`--json FILE` what the file holds already is not measured again.
"""

import argparse
import itertools
import pathlib
import tempfile
import time
from typing import Any

import commands
import keras
import machine
import numpy as np

import keras_shiftadd as ksa

TARGETS = ("cortex-m4", "cortex-m33", "cortex-m0", "rv32i")
# The second form of shift layers is requantised by shifts, for processors without a multiplier.
POWER_OF_TWO = "shift-power-of-two"
OPERATORS = ("conv", "shift", "adder")


def gestures(operator: str) -> keras.Model:
    """128 samples of 6 axes, 7 classes."""
    layer = {
        "conv": keras.layers.Conv1D,
        "shift": ksa.layers.ShiftConv1D,
        "adder": ksa.layers.AdderConv1D,
    }[operator]
    inputs = x = keras.Input((128, 6))
    for filters, strides in ((16, 2), (24, 2), (32, 2), (32, 1)):
        x = layer(filters, 5, strides=strides, padding="same", use_bias=False)(x)
        x = keras.layers.ReLU()(keras.layers.BatchNormalization()(x))
    x = keras.layers.GlobalAveragePooling1D()(x)
    return keras.Model(inputs, keras.layers.Dense(7)(x), name="gestures")


NETWORKS = {
    "gestures": gestures,
    "dscnn": lambda operator: ksa.models.DSCNN(operators=operator, alpha=0.5),
    "resnet8": lambda operator: ksa.models.ResNet8(operators=operator),
}


def quantized(
    network: str, operator: str, samples: int, rounding: Any = "single"
) -> tuple[Any, np.ndarray, np.ndarray]:
    """An int8 network, inputs, and the outputs of the reference."""
    keras.utils.set_random_seed(0)
    model = NETWORKS[network]("shift" if operator == POWER_OF_TWO else operator)
    rng = np.random.default_rng(0)
    data = rng.normal(size=(64, *model.input_shape[1:])).astype("float32")
    # Statistics of the normalisations that fit the data: every channel is used.
    ksa.callbacks.recalibrate_batch_normalization(model, data)
    integer_model = ksa.export.quantize(
        model,
        data,
        conv_rounding=rounding,
        add_rounding=rounding,
        power_of_two_scales=operator == POWER_OF_TWO,
    )
    x = rng.integers(-128, 128, (samples, *integer_model.tensors[integer_model.input].shape))
    x = x.astype(np.int8)
    return integer_model, x, ksa.export.IntegerInterpreter(integer_model).predict_quantized(x)


def run(options: argparse.Namespace, figures: commands.Figures) -> None:
    """Measures what is missing."""
    rows = figures.setdefault("rows", {})
    for network in options.networks:
        for operator in options.operators:
            wanted = {
                f"{network} {operator} {target} {engine} {options.samples}": (target, engine)
                for target in options.targets
                for engine in options.engines
            }
            wanted = {key: value for key, value in wanted.items() if key not in rows}
            if not wanted:
                continue
            model, x, expected = quantized(network, operator, options.samples)
            with tempfile.TemporaryDirectory() as folder:
                for key, (target, engine) in wanted.items():
                    path = pathlib.Path(folder) / target
                    report = ksa.export.to_c(model, path, target=target)
                    host = ksa.export.simulate(path, "portable", x)
                    start = time.perf_counter()
                    result = ksa.export.simulate(path, target, x, engine=engine, compiler="zig")
                    rows[key] = {
                        "network": network,
                        "operator": operator,
                        "target": target,
                        "engine": engine,
                        "samples": options.samples,
                        "seconds": time.perf_counter() - start,
                        "host_equal": bool(np.array_equal(host.outputs, expected)),
                        "equal": bool(np.array_equal(result.outputs, expected)),
                        "distinct_outputs": len(np.unique(expected, axis=0)),
                        "instructions": result.instructions,
                        "flash": result.flash_bytes,
                        "predicted_flash": report.flash_bytes,
                        "ram": result.ram_bytes,
                        "predicted_ram": report.arena_bytes,
                        "stack": result.stack_bytes,
                    }
                    print(key, rows[key], flush=True)
                    machine.write(options.json, figures)


def run_files(options: argparse.Namespace, figures: commands.Figures) -> None:
    """Counts the outputs of `.tflite` files that are not those of the reference."""
    rows = figures.setdefault("files", {})
    for network, operator in itertools.product(options.networks, options.operators):
        key = f"{network} {operator} {options.file_samples}"
        if not options.file_samples or key in rows:
            continue
        model, x, expected = quantized(network, operator, options.file_samples, "double")
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "network.tflite")
            ksa.export.write_tflite(model, path)
            outputs = {
                runtime: ksa.export.Interpreter(path, runtime, exact=True).predict_quantized(x)
                for runtime in ksa.export.RUNTIMES
            }
            ksa.export.to_c(path, pathlib.Path(folder, "c"), target="portable")
            outputs["C"] = ksa.export.simulate(pathlib.Path(folder, "c"), "portable", x).outputs
        rows[key] = {
            "network": network,
            "operator": operator,
            "inputs": options.file_samples,
            "different": {name: int((y != expected).sum()) for name, y in outputs.items()},
        }
        print(key, rows[key], flush=True)
        machine.write(options.json, figures)


def measure(options: argparse.Namespace, figures: commands.Figures) -> None:
    """Measures what is missing."""
    run_files(options, figures)
    run(options, figures)


def lines(figures: commands.Figures) -> list[str]:
    """The table, with the instructions of the ordinary network as the measure."""
    rows = figures["rows"].values()
    base = {
        (r["network"], r["target"], r["engine"]): r["instructions"]
        for r in rows
        if r["operator"] == "conv"
    }
    text = [
        "| network | operator | processor | emulator | inputs | equal bits | instructions "
        "| conv / this | flash | predicted | arena | stack |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for r in rows:
        ordinary = base.get((r["network"], r["target"], r["engine"]))
        ratio = f"{ordinary / r['instructions']:.2f}" if ordinary else ""
        stack = "" if r["stack"] is None else f"{r['stack']:,}"
        text.append(
            f"| {r['network']} | {r['operator']} | {r['target']} | {r['engine']} | {r['samples']} "
            f"| {'yes' if r['equal'] and r['host_equal'] else 'NO'} | {r['instructions']:,.0f} "
            f"| {ratio} | {r['flash']:,} | {r['predicted_flash']:,} | {r['ram']:,} | {stack} |"
        )
    for r in figures.get("files", {}).values():
        counts = ", ".join(f"{name} {count}" for name, count in r["different"].items())
        text.append(
            f"{r['network']} {r['operator']} as .tflite, {r['inputs']} inputs: outputs that differ "
            f"from the reference: {counts}"
        )
    return text


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands.add_json_arguments(parser)
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=["gestures", "dscnn"])
    parser.add_argument(
        "--operators", nargs="+", choices=(*OPERATORS, POWER_OF_TWO), default=OPERATORS
    )
    parser.add_argument("--targets", nargs="+", choices=TARGETS, default=TARGETS)
    parser.add_argument("--engines", nargs="+", choices=("unicorn", "qemu"), default=["unicorn"])
    parser.add_argument("--samples", type=int, default=100)
    parser.add_argument(
        "--file-samples", type=int, default=100, help="inputs of .tflite files; 0 writes none"
    )
    commands.resume(parser.parse_args(), measure, lines)


if __name__ == "__main__":
    main()
