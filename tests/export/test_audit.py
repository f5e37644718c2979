"""The audit: what it counts, and what it refuses to call free of multiplications."""

import keras
import numpy as np
import pytest
from export_helpers import normal, not_on_jax, sequential
from keras import layers
from tflite_files import FileBuilder

from keras_shiftadd import export
from keras_shiftadd import layers as ksa_layers
from keras_shiftadd.export import MultiplicationFound, audit


@pytest.fixture(scope="module")
def adder_file(tmp_path_factory):
    model = sequential(
        (8, 8, 3),
        ksa_layers.AdderConv2D(4, 3, padding="same"),
        layers.BatchNormalization(moving_variance_initializer=keras.initializers.Constant(4.0)),
        layers.ReLU(),
        ksa_layers.AdderDepthwiseConv2D(3),
        layers.GlobalMaxPooling2D(),
        ksa_layers.AdderDense(5),
    )
    path = tmp_path_factory.mktemp("audit") / "adder.tflite"
    export.to_tflite(model, path, normal(8, 8, 3), verbose=0)
    return path


def test_adder_network_is_free_of_multiplications(adder_file):
    report = audit(adder_file)
    report.assert_multiplication_free()
    assert report.multiplications == 0
    assert {item.kind for item in report.operators} == {"free", "scales"}


def test_strict_audit_objects_to_scaling(adder_file):
    report = audit(adder_file)
    assert report.scalings > 0
    with pytest.raises(MultiplicationFound, match="MUL"):
        report.assert_multiplication_free(allow_scaling=False)


def test_rescaling_of_int8_results_is_counted(adder_file):
    report = audit(adder_file)
    # Three for each subtraction, one for each sum.
    subtractions = sum(
        int(np.prod(item.output_shape)) for item in report.operators if item.name == "SUB"
    )
    sums = sum(int(np.prod(item.output_shape)) for item in report.operators if item.name == "SUM")
    found = {
        name: sum(item.rescalings for item in report.operators if item.name == name)
        for name in ("SUB", "SUM", "ABS")
    }
    assert found == {"SUB": 3 * subtractions, "SUM": sums, "ABS": 0}


def test_counts_of_convolutions(samples, to_file):
    model = sequential(
        (8, 8, 4),
        layers.Conv2D(6, 3, groups=2),
        layers.DepthwiseConv2D(3, depth_multiplier=2),
        layers.Flatten(),
        layers.Dense(5),
    )
    report = audit(to_file(model, samples(8, 8, 4)))
    assert [
        (item.name, item.multiplications) for item in report.operators if item.kind != "free"
    ] == [
        ("CONV_2D", 6 * 6 * 6 * 3 * 3 * 2),
        ("DEPTHWISE_CONV_2D", 4 * 4 * 12 * 3 * 3),
        ("FULLY_CONNECTED", 4 * 4 * 12 * 5),
    ]
    assert report.multiplications == 6 * 6 * 6 * 18 + 4 * 4 * 12 * 9 + 4 * 4 * 12 * 5


@not_on_jax
def test_convolution_is_found(samples, to_file):
    report = audit(to_file(sequential((8, 8, 3), layers.Conv2D(4, 3)), samples(8, 8, 3)))
    with pytest.raises(MultiplicationFound, match="CONV_2D"):
        report.assert_multiplication_free()


def test_shift_layer_multiplies_in_stock_kernels(samples, to_file):
    model = sequential((8, 8, 3), ksa_layers.ShiftConv2D(4, 3))
    report = audit(to_file(model, samples(8, 8, 3)))
    with pytest.raises(MultiplicationFound, match="CONV_2D"):
        report.assert_multiplication_free()
    report.assert_multiplication_free(allow_powers_of_two=True)


@not_on_jax
def test_ordinary_kernel_is_not_one_of_powers_of_two(samples, to_file):
    report = audit(to_file(sequential((8, 8, 3), layers.Conv2D(4, 3)), samples(8, 8, 3)))
    with pytest.raises(MultiplicationFound):
        report.assert_multiplication_free(allow_powers_of_two=True)


@pytest.mark.parametrize(
    ("name", "shapes", "products"),
    [
        ("CONV_2D", [(1, 4, 4, 3), (8, 2, 2, 3), (1, 3, 3, 8)], 72 * 12),
        ("DEPTHWISE_CONV_2D", [(1, 4, 4, 3), (1, 2, 2, 3), (1, 3, 3, 3)], 27 * 4),
        ("FULLY_CONNECTED", [(1, 10), (4, 10), (1, 4)], 40),
        ("BATCH_MATMUL", [(2, 3, 5), (2, 5, 7), (2, 3, 7)], 2 * 3 * 5 * 7),
        ("MUL", [(1, 4, 4, 3), (1, 4, 4, 3), (1, 4, 4, 3)], 48),
        ("SQUARED_DIFFERENCE", [(1, 4), (1, 4), (1, 4)], 4),
        ("DIV", [(1, 4, 3), (1, 4, 3), (1, 4, 3)], 12),
    ],
)
def test_products_in_foreign_files(name, shapes, products, tmp_path):
    builder = FileBuilder()
    tensors = [builder.tensor(shape) for shape in shapes]
    builder.operator(name, tensors[:2], tensors[2:])
    report = audit(builder.write(tmp_path / "foreign.tflite", inputs=(0, 1)))
    assert report.multiplications == products
    with pytest.raises(MultiplicationFound, match=name):
        report.assert_multiplication_free()


def test_transposed_convolution_in_a_foreign_file(tmp_path):
    builder = FileBuilder()
    shape = builder.tensor((4,), [1, 8, 8, 2], "INT32")
    kernel = builder.tensor((2, 3, 3, 5), 1.0)
    data, result = builder.tensor((1, 4, 4, 5)), builder.tensor((1, 8, 8, 2))
    builder.operator("TRANSPOSE_CONV", [shape, kernel, data], [result])
    report = audit(builder.write(tmp_path / "foreign.tflite", inputs=(data,)))
    assert report.multiplications == 4 * 4 * 5 * 3 * 3 * 2


def test_scaling_of_channels_is_allowed_and_counted(tmp_path):
    builder = FileBuilder()
    data, gain = builder.tensor((1, 4, 4, 3)), builder.tensor((3,), [1.0, 2.0, 3.0])
    builder.operator("MUL", [data, gain], [builder.tensor((1, 4, 4, 3))])
    report = audit(builder.write(tmp_path / "foreign.tflite"))
    report.assert_multiplication_free()
    assert (report.multiplications, report.scalings, report.rescalings) == (0, 48, 0)


@pytest.mark.parametrize("shape", [(1, 4, 4, 3), (4, 1, 3), (1, 1, 4, 1)])
def test_weights_that_are_not_one_a_channel_multiply(shape, tmp_path):
    builder = FileBuilder()
    data, weights = builder.tensor((1, 4, 4, 3)), builder.tensor(shape, 2.0)
    builder.operator("MUL", [data, weights], [builder.tensor((1, 4, 4, 3))])
    with pytest.raises(MultiplicationFound, match="MUL"):
        audit(builder.write(tmp_path / "foreign.tflite")).assert_multiplication_free()


def test_outer_product_multiplies(tmp_path):
    builder = FileBuilder()
    data, weights = builder.tensor((1, 4, 1)), builder.tensor((8,), 2.0)
    builder.operator("MUL", [data, weights], [builder.tensor((1, 4, 8))])
    with pytest.raises(MultiplicationFound, match="MUL"):
        audit(builder.write(tmp_path / "foreign.tflite")).assert_multiplication_free()


@pytest.mark.parametrize("between", ["nothing", "bias", "reshape"])
def test_dot_product_hidden_in_scaling_and_sum_is_found(between, tmp_path):
    builder = FileBuilder()
    data, weights = builder.tensor((1, 4, 6)), builder.tensor((6,), range(6))
    scaled = builder.tensor((1, 4, 6))
    builder.operator("MUL", [data, weights], [scaled])
    axis = 2
    if between == "bias":
        added = builder.tensor((1, 4, 6))
        builder.operator("ADD", [scaled, builder.tensor((6,), 1.0)], [added])
        scaled = added
    if between == "reshape":
        shaped = builder.tensor((1, 4, 6, 1))
        builder.operator("RESHAPE", [scaled, builder.tensor((4,), [1, 4, 6, 1], "INT32")], [shaped])
        scaled = shaped
    axes = builder.tensor((1,), [axis], "INT32")
    builder.operator("SUM", [scaled, axes], [builder.tensor((1, 4))])
    with pytest.raises(MultiplicationFound, match="MUL"):
        audit(builder.write(tmp_path / "foreign.tflite")).assert_multiplication_free()


def test_pooling_behind_a_normalization_is_no_dot_product(tmp_path):
    builder = FileBuilder()
    data, gain = builder.tensor((1, 4, 4, 3)), builder.tensor((3,), 2.0)
    scaled = builder.tensor((1, 4, 4, 3))
    builder.operator("MUL", [data, gain], [scaled])
    axes = builder.tensor((2,), [1, 2], "INT32")
    builder.operator("MEAN", [scaled, axes], [builder.tensor((1, 3))])
    audit(builder.write(tmp_path / "foreign.tflite")).assert_multiplication_free()


@pytest.mark.parametrize(
    ("custom", "words"),
    [("FlexExtractImagePatches", "Flex"), ("MyOperator", "custom operator")],
)
def test_operators_that_are_not_known_are_refused(custom, words, tmp_path):
    builder = FileBuilder()
    builder.operator("CUSTOM", [builder.tensor((1, 4))], [builder.tensor((1, 4))], custom)
    report = audit(builder.write(tmp_path / "foreign.tflite"))
    assert report.operators[0].kind == "unknown"
    assert report.operators[0].multiplications is None
    with pytest.raises(MultiplicationFound, match=words):
        report.assert_multiplication_free()


def test_operators_whose_products_are_not_counted_are_refused(tmp_path):
    builder = FileBuilder()
    builder.operator("SVDF", [builder.tensor((1, 4))], [builder.tensor((1, 4))])
    report = audit(builder.write(tmp_path / "foreign.tflite"))
    assert report.operators[0].multiplications is None
    with pytest.raises(MultiplicationFound, match="SVDF"):
        report.assert_multiplication_free()


def test_all_subgraphs_are_read(tmp_path):
    builder = FileBuilder()
    builder.operator("ABS", [builder.tensor((1, 4))], [builder.tensor((1, 4))])
    inner = FileBuilder()
    inner.operator(
        "FULLY_CONNECTED", [inner.tensor((1, 4)), inner.tensor((3, 4))], [inner.tensor((1, 3))]
    )
    builder.model.subgraphs.append(inner.graph)
    builder.model.operatorCodes += inner.model.operatorCodes
    inner.graph.operators[0].opcodeIndex = 1
    report = audit(builder.write(tmp_path / "two.tflite"))
    assert [(item.subgraph, item.name) for item in report.operators] == [
        (0, "ABS"),
        (1, "FULLY_CONNECTED"),
    ]
    assert report.multiplications == 12


def test_table_names_operators_and_totals(adder_file):
    text = str(audit(adder_file))
    for word in ("SUB", "ABS", "SUM", "products", "scalings", "rescalings", "total"):
        assert word in text


def test_agrees_with_the_operators_that_the_runtime_runs(adder_file):
    counts = audit(adder_file).counts
    assert counts["SUB"] == counts["ABS"] + 3
    assert counts["SUM"] == counts["ABS"]
    assert export.Interpreter(adder_file).output_details.shape == (1, 5)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="needs TensorFlow's converter")
def test_file_of_tensorflows_converter(tmp_path):
    import tensorflow as tf

    model = sequential((6, 6, 2), layers.Conv2D(3, 3), layers.Flatten(), layers.Dense(4))
    path = tmp_path / "converted.tflite"
    path.write_bytes(tf.lite.TFLiteConverter.from_keras_model(model).convert())
    report = audit(path)
    assert report.multiplications == 4 * 4 * 3 * 18 + 48 * 4
    assert report.rescalings == 0
