"""Models that were pruned, clustered, and trained with the rounding of int8."""

import gzip

import keras
import networks
import numpy as np
import pytest

import keras_shiftadd as ksa

pytestmark = [pytest.mark.once, networks.NEEDS_MODEL_OPTIMIZATION]
X, Y = networks.data()


@pytest.fixture(scope="module")
def trained():
    keras.utils.set_random_seed(0)
    model = networks.network()
    model.fit(X, Y, epochs=4, batch_size=16, verbose=0)
    ksa.callbacks.recalibrate_batch_normalization(model, X)
    return model


@pytest.fixture(scope="module")
def pruned(trained):
    schedule = ksa.compression.PolynomialDecay(0.0, 0.75, 0, 8, frequency=4)
    return ksa.compression.prune(
        trained, schedule, X, Y, epochs=2, batch_size=16, validation_split=0.25, seed=0, verbose=0
    )


@pytest.fixture(scope="module")
def clustered(pruned):
    return ksa.compression.cluster(
        pruned,
        8,
        X,
        Y,
        preserve_sparsity=True,
        cluster_centroids_init=ksa.compression.PowerOfTwoClustering(),
        layers=["stem", "shift", "adder"],
        optimizer=keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(1e-3, 10)),
        class_weight={0: 1.0, 1: 2.0, 2: 1.0},
        seed=0,
        verbose=0,
    )


@pytest.fixture(scope="module")
def quantized(trained):
    return ksa.compression.quantize_aware(trained, X, Y, epochs=2, seed=0, verbose=0)


def test_pruning_makes_the_smallest_weights_zero(pruned):
    for name, kernel in networks.kernels(pruned).items():
        assert np.mean(kernel == 0) == pytest.approx(0.75, abs=1 / kernel.size), name


def test_pruning_leaves_the_model_as_it_was(trained, pruned):
    assert all(np.all(kernel != 0) for kernel in networks.kernels(trained).values())


def test_a_trained_model_is_compiled_and_has_a_history(pruned):
    assert set(pruned.history.history) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    assert len(pruned.history.history["loss"]) == 2
    assert set(pruned.evaluate(X, Y, verbose=0, return_dict=True)) == {"loss", "accuracy"}


def test_zeros_are_zeros_in_the_file(pruned, tmp_path):
    ksa.export.to_tflite(pruned, tmp_path / "pruned.tflite", X[:32], verbose=0)
    reader = ksa.export.Interpreter(tmp_path / "pruned.tflite")
    assert reader.predict(X[:4]).shape == (4, networks.CLASSES)
    integers = ksa.export.quantize(pruned, X[:32])
    for operator in integers.operators:
        if hasattr(operator, "kernel"):
            zero = 0
            if operator.operator == "adder":
                zero = integers.tensors[operator.inputs[0]].quantization.zero_point
            assert np.mean(operator.kernel == zero) >= 0.74, operator.name


def test_a_pruned_file_is_smaller_when_compressed(trained, pruned, tmp_path):
    sizes = []
    for name, model in (("trained", trained), ("pruned", pruned)):
        file = tmp_path / f"{name}.tflite"
        ksa.export.to_tflite(model, file, X[:32], verbose=0)
        sizes.append(len(gzip.compress(file.read_bytes())))
    assert sizes[1] < sizes[0]


def test_clusters_are_few_and_keep_the_zeros(pruned, clustered):
    before = networks.kernels(pruned)
    for name, kernel in networks.kernels(clustered).items():
        if name != "classifier":
            assert len(np.unique(kernel)) <= 8, name
            np.testing.assert_array_equal(kernel[before[name] == 0], 0)


def test_clusters_of_an_adder_layer_move_as_its_weights_would(trained):
    steps, rate = 6, 0.5
    clustered = ksa.compression.cluster(
        trained,
        8,
        X,
        Y,
        layers=["adder"],
        optimizer=keras.optimizers.SGD(rate),
        batch_size=16,
        seed=0,
        verbose=0,
    )
    before, after = (networks.kernels(model)["adder"] for model in (trained, clustered))
    # Each step brings the gradients of the weights to this root mean square.
    most = steps * rate * trained.get_layer("adder").gradient_scale
    clustering = before.std() / 4
    assert np.sqrt(np.mean((after - before) ** 2)) < most + clustering


def test_only_the_layers_that_were_named_are_clustered(clustered):
    kernel = networks.kernels(clustered)["classifier"]
    assert len(np.unique(kernel)) > 8


def test_a_channel_has_no_more_integers_than_clusters(clustered):
    integers = ksa.export.quantize(clustered, X[:32])
    kernels = {op.name: op.kernel for op in integers.operators if hasattr(op, "kernel")}
    for name in ("stem", "shift", "adder"):
        for channel in range(8):
            assert len(np.unique(kernels[name][..., channel])) <= 8


def ranges(model):
    return {
        layer.name: layer.learned_range()
        for layer in model.layers
        if isinstance(layer, ksa.layers.FakeQuantization)
    }


def test_kernels_hold_the_numbers_of_int8(quantized):
    kernels = networks.kernels(quantized)
    stem = kernels["stem"] / (np.abs(kernels["stem"]).max(axis=(0, 1, 2)) / 127)
    np.testing.assert_allclose(stem, np.rint(stem), atol=1e-3)
    powers = np.abs(kernels["shift"])
    exponents = np.log2(powers[powers > 0])
    np.testing.assert_array_equal(exponents, np.rint(exponents))
    smallest = np.where(powers > 0, powers, np.inf).min(axis=(0, 1, 2))
    assert np.all(powers.max(axis=(0, 1, 2)) / smallest <= 64)


def test_adder_weights_are_on_the_numbers_of_their_input(quantized):
    [(low, high)] = [ends for name, ends in ranges(quantized).items() if name.startswith("sum")]
    kernel = networks.kernels(quantized)["adder"]
    inside = kernel[(kernel > low) & (kernel < high)]
    steps = inside / ((high - low) / 255)
    assert inside.size
    np.testing.assert_allclose(steps, np.rint(steps), atol=1e-3)


def test_ranges_are_trained(trained, quantized):
    before = ranges(ksa.export.quantization_aware(trained, X))
    after = ranges(quantized)
    assert before.keys() == after.keys()
    assert sum(before[name] != after[name] for name in after) == len(after)


def test_the_int8_network_computes_what_was_trained(quantized):
    # The range of the output is that of the samples: all of them, so that none saturates.
    integers = ksa.export.quantize(quantized, X)
    received = ksa.export.IntegerInterpreter(integers).predict(X)
    expected = quantized.predict(X, verbose=0)
    step = integers.tensors[integers.output].quantization.scale
    assert np.max(np.abs(received - expected)) <= 3 * step
    assert np.mean(received.argmax(axis=1) == expected.argmax(axis=1)) > 0.98


def test_files_have_the_numbers_of_the_training(quantized, tmp_path):
    integers = ksa.export.quantize(quantized, X[:32])
    for kernels in ("builtin", "custom"):
        path = tmp_path / f"{kernels}.tflite"
        ksa.export.to_tflite(quantized, path, X[:32], kernels=kernels, verbose=0)
    builtin = ksa.export.Interpreter(tmp_path / "builtin.tflite")
    numbers = integers.tensors[integers.output].quantization
    assert builtin.output_details.scale == pytest.approx(numbers.scale)
    custom = ksa.export.IntegerInterpreter(ksa.export.read_tflite(tmp_path / "custom.tflite"))
    expected = ksa.export.IntegerInterpreter(integers).predict(X)
    np.testing.assert_array_equal(custom.predict(X), expected)


def test_a_saved_model_keeps_its_ranges(quantized, tmp_path):
    quantized.save(tmp_path / "aware.keras")
    assert ranges(ksa.load_model(tmp_path / "aware.keras")) == ranges(quantized)
