"""Files with custom operators: their speed in LiteRT, their bits in every runtime, damaged files.

    python benchmarks/tflite_custom_ops.py [--runs 30] [--samples 100] [--damaged 10000]
                                           [--json FILE]

- Speed: one layer, 16x16x16 to 32 channels, 3x3, with builtin and with custom operators, one
  thread, in turns; medians.
- Bits: outputs of three networks on random inputs that differ from those of the NumPy reference.
- Damaged: a file with bits turned and parts cut off must be read or refused.
"""

import argparse
import contextlib
import pathlib
import statistics
import sys
import tempfile
import time
from typing import Any

import machine

# The networks are those of the tests.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests" / "export"))

SHAPE, FILTERS = (16, 16, 16), 32


def measure_speed(runs: int, folder: pathlib.Path) -> list[dict[str, Any]]:
    """Times a layer of each operator in both forms."""
    import keras
    import numpy as np

    import keras_shiftadd as ksa

    ksa.custom_ops.set_threads(1)
    data = np.random.default_rng(0).normal(size=(16, *SHAPE)).astype("float32")
    makers = {
        "conv": keras.layers.Conv2D,
        "shift": ksa.layers.ShiftConv2D,
        "adder": ksa.layers.AdderConv2D,
    }
    rows = []
    for name, maker in makers.items():
        layer = maker(FILTERS, 3, padding="same", use_bias=False)
        model = keras.Sequential([keras.Input(SHAPE), layer, keras.layers.ReLU()])
        interpreters = {}
        for kernels in ("builtin", "custom"):
            path = folder / f"{name}_{kernels}.tflite"
            ksa.export.to_tflite(model, path, data, verbose=0, kernels=kernels)
            interpreter = ksa.export.Interpreter(path)
            x = np.zeros((8, *interpreter.input_details.shape[1:]), np.int8)
            interpreter.predict_quantized(x)
            interpreters[kernels] = (interpreter, path, x)
        ms: dict[str, list[float]] = {kernels: [] for kernels in interpreters}
        for _ in range(runs):
            for kernels, (interpreter, _, x) in interpreters.items():
                start = time.perf_counter()
                interpreter.predict_quantized(x)
                ms[kernels].append((time.perf_counter() - start) / len(x) * 1e3)
        rows.append(
            {
                "layer": name,
                "ms": {kernels: statistics.median(times) for kernels, times in ms.items()},
                "bytes": {k: path.stat().st_size for k, (_, path, _) in interpreters.items()},
            }
        )
    return rows


def measure_bits(samples: int, folder: pathlib.Path) -> list[dict[str, Any]]:
    """Counts outputs that are not those of the reference."""
    import numpy as np
    from keras_networks import NETWORKS, as_trained

    import keras_shiftadd as ksa

    rows = []
    for name, make in NETWORKS.items():
        for operators in (("conv",), ("shift",), ("adder",), ("conv", "shift", "adder")):
            random = np.random.default_rng(0)
            model, data = as_trained(make(operators), random)
            network = ksa.export.quantize(model, data)
            path = folder / "network.tflite"
            ksa.export.write_tflite(network, path)
            quantization = network.tensors[network.input].quantization
            shape = (samples, *network.tensors[network.input].shape)
            x = quantization.quantize(random.normal(size=shape))
            expected = ksa.export.IntegerInterpreter(network).predict_quantized(x)
            different = {}
            for runtime in ksa.export.RUNTIMES:
                interpreter = ksa.export.Interpreter(path, runtime, exact=True)
                received = interpreter.predict_quantized(x)
                different[runtime] = int(np.sum(received != expected))
            row = {"network": name, "operators": operators, "outputs": int(expected.size)}
            rows.append({**row, "spread": float(expected.std()), "different": different})
            print(f"{name}, {'/'.join(operators)}: done", file=sys.stderr, flush=True)
    return rows


def measure_damaged(count: int, folder: pathlib.Path) -> dict[str, Any]:
    """Reads damaged files."""
    import numpy as np
    from keras_networks import as_trained, keyword_spotting

    import keras_shiftadd as ksa

    random = np.random.default_rng(0)
    model, data = as_trained(keyword_spotting(), random)
    path = folder / "network.tflite"
    ksa.export.write_tflite(ksa.export.quantize(model, data), path)
    content = path.read_bytes()
    read, slowest = 0, 0.0
    before = machine.memory()
    for _ in range(count):
        damaged = np.frombuffer(content, np.uint8).copy()
        places = random.integers(8, len(damaged), size=random.integers(1, 16))
        damaged[places] ^= 1 << random.integers(0, 8, size=len(places)).astype(np.uint8)
        length = len(damaged) if random.random() < 0.75 else random.integers(0, len(damaged))
        path.write_bytes(damaged[:length].tobytes())
        start = time.perf_counter()
        with contextlib.suppress(ValueError):
            ksa.export.read_tflite(path)
            read += 1
        slowest = max(slowest, time.perf_counter() - start)
    return {
        "files": count,
        "read": read,
        "slowest_seconds": slowest,
        "memory_growth_mib": machine.memory() - before,
    }


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--samples", type=int, default=100)
    parser.add_argument("--damaged", type=int, default=10_000)
    machine.add_json_argument(parser)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        speed = measure_speed(options.runs, folder) if options.runs else []
        bits = measure_bits(options.samples, folder) if options.samples else []
        damaged = measure_damaged(options.damaged, folder) if options.damaged else {}
    print("| layer | builtin, ms | custom, ms | builtin, bytes | custom, bytes |")
    print("|---|---|---|---|---|")
    for row in speed:
        ms, size = row["ms"], row["bytes"]
        print(
            f"| {row['layer']} | {ms['builtin']:.3f} | {ms['custom']:.3f} | "
            f"{size['builtin']:,} | {size['custom']:,} |"
        )
    for row in bits:
        counts = ", ".join(f"{runtime} {count}" for runtime, count in row["different"].items())
        print(
            f"{row['network']} ({'/'.join(row['operators'])}): {row['outputs']} outputs, "
            f"different from the reference: {counts}"
        )
    if damaged:
        print(
            f"{damaged['files']} damaged files: {damaged['read']} read, the others refused; "
            f"slowest {damaged['slowest_seconds']:.2f} s"
        )
    machine.write(options.json, {"speed": speed, "bits": bits, "damaged": damaged})


if __name__ == "__main__":
    main()
