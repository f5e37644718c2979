"""One binary of the TensorFlow ops, in the TensorFlow that it was built against and in others.

    python benchmarks/tensorflow_versions.py [--tensorflow 2.20.0 ...] [--json FILE]

Each other version goes into a temporary virtual environment (a download of about 1 GB), with the
installed version of Keras. In each, outputs and gradients of adder convolutions are compared with
NumPy in float64, and the tests of the TensorFlow binding run. Printed is the largest error,
relative to the largest element.
"""

import argparse
import hashlib
import importlib.metadata
import itertools
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import machine

ROOT = pathlib.Path(__file__).resolve().parents[1]
TESTS = sorted((ROOT / "tests" / "custom_ops").glob("test_tensorflow_*.py"))
# size, input channels, groups, filters
SHAPES = (((12, 11), 16, 1, 16), ((9, 10), 6, 3, 9), ((9, 9), 12, 12, 12))
WINDOWS = (((3, 3), 1, 1), ((3, 3), 2, 1), ((5, 3), 1, 2), ((1, 1), 1, 1))


def check() -> dict[str, object]:
    """The largest errors in this process, and what they were measured with."""
    import keras
    import numpy as np
    import tensorflow as tf

    import keras_shiftadd as ksa
    from keras_shiftadd.testing import reference

    rng = np.random.default_rng(0)
    errors = dict.fromkeys(("output", "input_gradient", "kernel_gradient"), 0.0)
    cases = itertools.product(SHAPES, WINDOWS, ("same", "valid"), ksa.ops.ADDER_GRADIENTS)
    for (size, channels, groups, filters), (kernel_size, strides, dilation), padding, form in cases:
        window = {"strides": strides, "padding": padding, "dilation_rate": dilation}
        x = rng.normal(size=(2, *size, channels)).astype("float32")
        w = rng.normal(size=(*kernel_size, channels // groups, filters)).astype("float32")

        inputs, kernel = tf.constant(x), tf.constant(w)
        with tf.GradientTape() as tape:
            tape.watch([inputs, kernel])
            y = ksa.ops.adder_conv(
                inputs, kernel, data_format="channels_last", gradient=form, **window
            )
        g = rng.normal(size=y.shape).astype("float32")
        results = (y, *tape.gradient(y, [inputs, kernel], tf.constant(g)))
        expected = reference.adder_conv(x, w, **window)
        gradients = reference.adder_conv_gradients(x, w, g, gradient=form, **window)
        for name, result, e in zip(errors, results, (expected, *gradients), strict=True):
            error = float(np.abs(result.numpy() - e).max() / np.abs(e).max())
            errors[name] = max(errors[name], error)
    library = pathlib.Path(ksa.custom_ops.tensorflow_library())
    built = {part.name: part.manifest for part in ksa.custom_ops.status().libraries}
    return {
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "numpy": np.__version__,
        "built_against": built["tensorflow"]["tensorflow"],
        "sha256": hashlib.sha256(library.read_bytes()).hexdigest(),
        "errors": errors,
    }


def run_in(python: pathlib.Path) -> dict[str, object]:
    """The checks and the tests, with the TensorFlow of an interpreter."""
    environment = {
        **os.environ,
        "KERAS_BACKEND": "tensorflow",
        "KERAS_SHIFTADD_OPS": "native",
        "PYTHONPATH": str(ROOT),
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    checks = subprocess.run(
        [python, __file__, "--child"],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    tests = subprocess.run(
        [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *TESTS],
        env=environment,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    found = re.findall(r"^=*\s*(.*\d+ (?:passed|failed|skipped|error).*?) in ", tests.stdout, re.M)
    summary = found[-1] if found else f"exit status {tests.returncode}"
    return {**json.loads(checks.stdout.splitlines()[-1]), "tests": summary}


def environment_with(version: str, folder: pathlib.Path) -> pathlib.Path:
    """The interpreter of a new virtual environment with that TensorFlow."""
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = folder / "bin" / "python"
    keras = f"keras=={importlib.metadata.version('keras')}"
    packages = [f"tensorflow=={version}", keras, "pytest"]
    subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True)
    return python


def main() -> None:
    """Prints a row a version."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tensorflow", nargs="+", default=["2.20.0"], metavar="VERSION")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    machine.add_json_argument(parser)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(check()))
        return
    rows = []
    for version in (None, *options.tensorflow):
        with tempfile.TemporaryDirectory(prefix="tensorflow-") as folder:
            if version is None:
                python = pathlib.Path(sys.executable)
            else:
                python = environment_with(version, pathlib.Path(folder))
            rows.append(run_in(python))
        row = rows[-1]
        errors = "  ".join(f"{name} {error:.1e}" for name, error in row["errors"].items())
        print(
            f"built against {row['built_against']}, in TensorFlow {row['tensorflow']} "
            f"(keras {row['keras']}, numpy {row['numpy']}): {errors}; tests: {row['tests']}",
            flush=True,
        )
    if len({row["sha256"] for row in rows}) > 1:
        sys.exit("The library changed while this ran: the rows are not of one binary.")
    machine.write(options.json, {"tensorflow_versions": rows})


if __name__ == "__main__":
    main()
