"""What `compression.py` measures: a trained network, and what compression makes of it."""

import argparse
import gzip
import pathlib
import tempfile
import time
from typing import Any

import numpy as np
from augmentation import network

OPERATORS = ("conv", "shift", "adder")
FORMS = ("float", "pruned", "clustered", "quantisation-aware")
CALIBRATIONS = ("minmax", "percentile", "mse")
# Of a network of convolutions: shift layers take its weights.
CONVERTED, BITS = ("3-bit shift", "3-bit shift, quantisation-aware"), 3
# Chosen by the validation accuracy of the first seed on the keywords.
AWARE_RATE = 0.01
CLUSTERING_RATE = {"conv": 0.005, "shift": 0.001, "adder": 0.001}
PRUNING_RATE = {"conv": 0.05, "shift": 0.05, "adder": 0.6}
PRUNING_EPOCHS = 3  # times as many as the others
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

        import keras_shiftadd as ksa

        self.options, self.seed, self.operator = options, seed, operator
        self.data = search_data.load(options.set, options.data, seed % 3)
        keras.utils.clear_session()
        file = self._file()
        if file is not None and file.exists():
            self.model = ksa.load_model(file)
            return
        keras.utils.set_random_seed(seed)
        self.model = network(self.data.shape, self.data.classes, operator, options.width)
        if options.shift_bits:
            self.model = _with_bits(self.model, options.shift_bits)
        train_alone(self.model, self.data, options.epochs, seed)
        if file is not None:
            self.model.save(file)

    def measure(self, form: str) -> dict[str, Any]:
        """Makes a form of the network, exports it and measures it."""
        import keras_shiftadd as ksa

        start = time.monotonic()
        start_from = self._converted() if form in CONVERTED else self.model
        is_trained = form not in ("float", CONVERTED[0])
        model = self._make(form, start_from) if is_trained else start_from
        if form != "float":
            ksa.callbacks.recalibrate_batch_normalization(model, self._calibration())
        calibrations = ("mse",) if is_trained else CALIBRATIONS
        return {
            "float": self._accuracy(model),
            "validation": self._validation(model),
            "int8": {name: self._int8_accuracy(model, name) for name in calibrations},
            **self._sizes(model),
            **_weights(model),
            "seconds": time.monotonic() - start,
        }

    def _file(self) -> pathlib.Path | None:
        """Where the trained network is, beside the figures: a stopped measurement goes on."""
        of = self.options
        if of.json is None:
            return None
        numbers = (of.width, of.epochs, of.shift_bits, self.seed)
        return of.json.with_name(
            "_".join(map(str, (of.json.stem, self.operator, *numbers))) + ".keras"
        )

    def _converted(self) -> Any:
        """The trained network with shift layers for the convolutions behind the stem."""
        from search_training import compile_for, optimizer

        shape, classes, width = self.data.shape, self.data.classes, self.options.width
        model = _with_bits(network(shape, classes, "shift", width), BITS)
        model.set_weights(self.model.get_weights())
        compile_for(model, optimizer(1))
        return model

    def _make(self, form: str, model: Any) -> Any:
        import keras

        import keras_shiftadd as ksa

        rates = {"pruned": PRUNING_RATE, "clustered": CLUSTERING_RATE}
        rate = rates[form][self.operator] if form in rates else AWARE_RATE
        epochs = self.options.fine_epochs
        x, y, epochs = self._samples(epochs * (PRUNING_EPOCHS if form == "pruned" else 1))
        steps = epochs * -(-len(x) // 64)
        schedule = keras.optimizers.schedules.CosineDecay(rate, steps)
        arguments = {
            "optimizer": keras.optimizers.SGD(schedule, momentum=0.9, nesterov=True),
            "epochs": epochs,
            "batch_size": 64,
            "seed": self.seed,
            "verbose": 0,
        }
        if form == "pruned":
            frequency = max(steps // 20, 1)
            end = 12 * frequency if steps >= 20 else steps
            sparsity = ksa.compression.PolynomialDecay(0.0, SPARSITY, 0, end, frequency=frequency)
            return ksa.compression.prune(model, sparsity, x, y, **arguments)
        if form == "clustered":
            return ksa.compression.cluster(model, CLUSTERS, x, y, **arguments)
        return ksa.compression.quantize_aware(model, x, y, **arguments)

    def _samples(self, epochs: int) -> tuple[np.ndarray, np.ndarray, int]:
        """The training part, and epochs; or that part augmented anew for each epoch, and one."""
        data = self.data
        if data.augment is None:
            return data.x_train, data.y_train, epochs
        rng = np.random.default_rng(self.seed)
        copies = [data.augment(data.x_train, rng).astype(np.float32) for _ in range(epochs)]
        return np.concatenate(copies), np.concatenate([data.y_train] * epochs), 1

    def _calibration(self) -> np.ndarray:
        from search_training import calibration_samples

        return calibration_samples(self.data)

    def _accuracy(self, model: Any) -> float:
        from search_training import accuracy

        return accuracy(model, self.data.x_test, self.data.y_test)

    def _validation(self, model: Any) -> float:
        from search_training import accuracy

        return accuracy(model, self.data.x_val, self.data.y_val)

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
