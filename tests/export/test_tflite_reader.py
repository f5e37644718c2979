"""Files that are read back as int8 networks."""

import contextlib

import keras
import numpy as np
import pytest
from integer_models import (
    NetworkBuilder,
    assert_equal_models,
    convolution_model,
    random_inputs,
)
from test_tflite_operators import GRID

from keras_shiftadd.export._integer.reference import run
from keras_shiftadd.export._tflite.read_model import read_model
from keras_shiftadd.export._tflite.write_model import write_model

pytestmark = pytest.mark.once


def network(rng):
    """Every kind of operator."""
    builder = NetworkBuilder(rng, (8, 9, 3))
    first = builder.convolution(0, "conv", 6, padding=((2, 0), (1, 0)))
    second = builder.convolution(first, "shift", 6, groups=6)
    third = builder.lookup(builder.convolution(second, "adder", 6), "sigmoid")
    third = builder.add(third, builder.lookup(second, "relu"), activation="relu")
    third = builder.add(third, builder.lookup(second, "requantize"), subtract=True)
    gate = builder.convolution(builder.mean(third), "conv", 6, activation="linear")
    third = builder.multiply(third, gate)
    pooled = builder.pooling(third, "max"), builder.pooling(third, "average")
    joined = builder.concatenate(pooled[0], builder.pooling(third, "max", padding="same"))
    joined = builder.convolution(joined, "shift", 5, size=(1, 1))
    flat = builder.reshape(builder.pad(joined, ((1, 0), (0, 2))), (5 * 6 * 5,))
    builder.softmax(builder.convolution(flat, "adder", 4, activation="linear"))
    return builder.model()


@pytest.mark.parametrize("operator", ["conv", "adder", "shift"])
@pytest.mark.parametrize("case", GRID)
def test_convolutions_are_read_as_they_were(operator, case, rng):
    model = convolution_model(rng, operator, **GRID[case])
    assert_equal_models(read_model(write_model(model), "file"), model)


def test_a_network_is_read_as_it_was(rng):
    model = network(rng)
    assert_equal_models(read_model(write_model(model), "file"), model)


def test_shapes_of_the_file_are_not_those_of_the_network(rng):
    builder = NetworkBuilder(rng, (1, 12, 3))
    builder.convolution(0, "adder", 5, size=(1, 3))
    model = builder.model()
    content = write_model(model, input_shape=(12, 3), output_shape=(12, 5))
    assert_equal_models(read_model(content, "file"), model)


def test_a_file_without_notes_gives_a_network_of_the_same_outputs(rng, monkeypatch):
    builder = NetworkBuilder(rng, (1, 12, 3))
    value = builder.convolution(0, "conv", 5, padding=((0, 0), (2, 0)), size=(1, 3))
    builder.convolution(builder.mean(value), "conv", 4, activation="linear")
    model = builder.model()
    monkeypatch.setattr("keras_shiftadd.export._tflite.write_model.METADATA", "another")
    found = read_model(write_model(model, input_shape=(12, 3)), "file")
    x = random_inputs(rng, model, 5)
    np.testing.assert_array_equal(run(found, x), run(model, x))


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="needs TensorFlow's converter")
def test_a_file_of_tensorflows_converter(rng, tmp_path):
    import tensorflow as tf

    from keras_shiftadd import export

    model = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            keras.layers.Conv2D(6, 3, strides=2, padding="same", activation="relu"),
            keras.layers.DepthwiseConv2D(3),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(5),
        ]
    )
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    data = rng.normal(size=(20, 1, 8, 8, 3)).astype("float32")
    converter.representative_dataset = lambda: ([x] for x in data)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    path = tmp_path / "converted.tflite"
    path.write_bytes(converter.convert())
    found = read_model(path.read_bytes(), "file")
    x = random_inputs(rng, found, 20)
    received = export.Interpreter(path, "tflite-micro").predict_quantized(x)
    np.testing.assert_array_equal(received, run(found, x))


def test_operators_that_no_network_has_are_named(rng, tmp_path):
    from tflite_files import FileBuilder

    builder = FileBuilder()
    builder.operator("ABS", [builder.tensor((1, 4))], [builder.tensor((1, 4))])
    content = builder.write(tmp_path / "abs.tflite").read_bytes()
    with pytest.raises(ValueError, match=r"must be an int8 network.*ABS: operators must be among"):
        read_model(content, "abs.tflite")


@pytest.mark.parametrize("seed", range(4))
def test_damaged_files_are_read_or_refused(seed, rng):
    content = write_model(network(rng))
    random = np.random.default_rng(seed)
    for _ in range(60):
        damaged = np.frombuffer(content, np.uint8).copy()
        places = random.integers(8, len(damaged), size=random.integers(1, 12))
        damaged[places] ^= 1 << random.integers(0, 8, size=len(places)).astype(np.uint8)
        length = len(damaged) if random.random() < 0.7 else random.integers(0, len(damaged))
        with contextlib.suppress(ValueError):
            read_model(damaged[:length].tobytes(), "damaged")
