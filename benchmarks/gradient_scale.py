"""What `gradient_scale` does to the training of adder layers.

    python benchmarks/gradient_scale.py [--scales 0.002 0.02 0.2 1] [--seeds 0 1 2] [--json FILE]

The handwritten digits of scikit-learn: 1,200 to train on, 597 for the test, a split a seed. A
convolution, three adder layers of 32, 64 and 64 filters, and a classifier; 8 epochs of SGD with
momentum and a cosine schedule. The same network of convolutions stands beside it.
"""

import argparse
import math
import os
from typing import Any

import machine
import numpy as np

TRAINING, BATCH, EPOCHS, RATE = 1200, 64, 8, 0.1


def network(scale: float | None) -> Any:
    """A network of adder layers, or with None one of convolutions."""
    import keras

    import keras_shiftadd as ksa

    def block(x: Any, layer: Any) -> Any:
        return keras.layers.ReLU()(keras.layers.BatchNormalization()(layer(x)))

    arguments: dict[str, Any] = {"padding": "same", "use_bias": False}
    inputs = keras.Input((8, 8, 1))
    x = block(inputs, keras.layers.Conv2D(32, 3, **arguments))
    for filters, strides in ((32, 1), (64, 2), (64, 1)):
        if scale is None:
            layer = keras.layers.Conv2D(filters, 3, strides, **arguments)
        else:
            layer = ksa.layers.AdderConv2D(filters, 3, strides, gradient_scale=scale, **arguments)
        x = block(x, layer)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, keras.layers.Dense(10)(x))


def train(scale: float | None, seed: int) -> tuple[float, float]:
    """The loss of the last epoch and the accuracy on the test."""
    import keras
    from sklearn.datasets import load_digits

    import keras_shiftadd as ksa

    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)
    digits = load_digits()
    x = digits.images[..., None].astype("float32")
    x = (x - x.mean()) / x.std()
    order = np.random.default_rng(seed).permutation(len(x))
    first, rest = order[:TRAINING], order[TRAINING:]
    model = network(scale)
    steps = EPOCHS * math.ceil(TRAINING / BATCH)
    model.compile(
        keras.optimizers.SGD(keras.optimizers.schedules.CosineDecay(RATE, steps), momentum=0.9),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    history = model.fit(
        x[first], digits.target[first], epochs=EPOCHS, batch_size=BATCH, verbose=0
    ).history
    ksa.callbacks.recalibrate_batch_normalization(model, x[first])
    _, accuracy = model.evaluate(x[rest], digits.target[rest], verbose=0)
    return history["loss"][-1], accuracy


def main() -> None:
    """Prints a row a scale, and writes the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scales", nargs="+", type=float, default=[0.002, 0.02, 0.2, 1.0])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    machine.add_json_argument(parser)
    options = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    figures = {}
    print("| network | loss | accuracy, % |\n|---|---|---|")
    for scale in (*options.scales, None):
        name = "convolutions" if scale is None else f"adder, {scale:g}"
        runs = np.array([train(scale, seed) for seed in options.seeds])
        figures[name] = runs.tolist()
        loss, accuracy = runs.mean(axis=0)
        deviation = 100 * runs[:, 1].std(ddof=1) if len(runs) > 1 else 0.0
        print(f"| {name} | {loss:.3f} | {100 * accuracy:.1f} ± {deviation:.1f} |", flush=True)
    machine.write(options.json, figures)


if __name__ == "__main__":
    main()
