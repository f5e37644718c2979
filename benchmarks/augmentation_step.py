"""A training step of an augmented network against the plain one, on each backend.

    python benchmarks/augmentation_step.py [--backend tensorflow jax torch] [--quick] [--json FILE]
    python benchmarks/augmentation_step.py --render FILE

Networks of MobileNet's blocks (depthwise layers, squeeze-and-excitation, residual connections) on
images of 32x32, of shift or adder layers, batch 64, random data. Each backend runs in a process of
its own, where the plain network is timed before and after the augmented one. An augmented epoch has
each wide network equally often; the epoch that compiles is not counted.
"""

import argparse
import time
from typing import Any

import commands
from kernel_rows.timing import quartiles

IMAGE, CLASSES = (32, 32, 3), 10
KINDS = ("shift", "adder")


def network(kind: str, width: int) -> Any:
    """A stem, four inverted residual blocks with squeeze-and-excitation, and a classifier."""
    import keras

    import keras_shiftadd as ksa

    point, depthwise = {
        "shift": (ksa.layers.ShiftConv2D, ksa.layers.ShiftDepthwiseConv2D),
        "adder": (ksa.layers.AdderConv2D, ksa.layers.AdderDepthwiseConv2D),
    }[kind]

    def normalized(layer: Any, x: Any, activation: str | None = "relu") -> Any:
        x = keras.layers.BatchNormalization()(layer(x))
        return x if activation is None else keras.layers.Activation(activation)(x)

    inputs = keras.Input(IMAGE)
    stem = keras.layers.Conv2D(width, 3, strides=2, padding="same", use_bias=False)
    x, channels = normalized(stem, inputs), width
    for size, strides in ((width, 1), (2 * width, 2), (2 * width, 1), (4 * width, 2)):
        hidden = 3 * channels
        y = normalized(point(hidden, 1, use_bias=False), x)
        y = normalized(depthwise(3, strides=strides, padding="same", use_bias=False), y)
        s = keras.layers.GlobalAveragePooling2D(keepdims=True)(y)
        s = keras.layers.Conv2D(hidden // 4, 1, activation="relu")(s)
        s = keras.layers.Conv2D(hidden, 1, activation="hard_sigmoid")(s)
        y = keras.layers.Multiply()([y, s])
        y = normalized(point(size, 1, use_bias=False), y, activation=None)
        x = keras.layers.Add()([x, y]) if size == channels and strides == 1 else y
        channels = size
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, keras.layers.Dense(CLASSES)(x))


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Milliseconds a step of each network with the backend of this process."""
    import keras
    import numpy as np

    import keras_shiftadd as ksa

    rng = np.random.default_rng(0)
    images = options.batch * options.steps
    x = rng.random((images, *IMAGE), "float32")
    y = rng.integers(0, CLASSES, images)

    class Stopwatch(keras.callbacks.Callback):
        """Times epochs."""

        def __init__(self) -> None:
            super().__init__()
            self.ms: list[float] = []

        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            """Starts the clock."""
            self.start = time.perf_counter()

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            """Stops it."""
            self.ms.append(1000 * (time.perf_counter() - self.start) / options.steps)

    def train(kind: str, callbacks: list[Any]) -> list[float]:
        keras.utils.set_random_seed(0)
        model = network(kind, options.width)
        model.compile(
            keras.optimizers.SGD(0.01, momentum=0.9),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        )
        watch = Stopwatch()
        epochs = options.epochs + 1
        callbacks = [*callbacks, watch]
        model.fit(x, y, batch_size=options.batch, epochs=epochs, verbose=0, callbacks=callbacks)
        return watch.ms[1:]  # the first epoch compiles

    result: dict[str, Any] = {}
    for kind in KINDS:
        result[kind] = {"plain": train(kind, []), "augmented": []}
        augmentation = ksa.callbacks.HybridAugmentation(operator=options.operator, schedule=1.0)
        result[kind]["augmented"] += train(kind, [augmentation])
        result[kind]["plain"] += train(kind, [])
    return result


def lines(result: dict[str, Any]) -> list[str]:
    """A Markdown table of the result."""
    table = ["| backend | layers | plain | augmented | ratio |", "|---|---|---|---|---|"]
    for backend, kinds in result["backends"].items():
        for kind, forms in kinds.items():
            plain, augmented = (quartiles(forms[form])[1] for form in ("plain", "augmented"))
            table.append(
                f"| {backend} | {kind} | {plain:.0f} ms | {augmented:.0f} ms | "
                f"{augmented / plain:.2f} |"
            )
    return table


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands.add_backend_arguments(parser)
    parser.add_argument("--operator", default="own", choices=("own", "conv", "mixed"))
    parser.add_argument("--width", type=int, default=8)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--steps", type=int, default=9, help="steps an epoch, a multiple of 3")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="two epochs of three steps")
    commands.add_json_arguments(parser)
    options = parser.parse_args()
    if options.quick:
        options.steps, options.epochs = 3, 2
    return options


def main() -> None:
    """Measures each backend in a process of its own, or reads what was measured."""
    options = parse()
    common = {"batch": options.batch, "width": options.width, "operator": options.operator}
    commands.run_backends(options, measure, lines, common)


if __name__ == "__main__":
    main()
