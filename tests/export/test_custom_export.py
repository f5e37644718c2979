"""Keras models exported with custom operators."""

import numpy as np
import pytest
from export_helpers import normal, not_on_jax, predict, sequential, settle
from integer_models import NetworkBuilder, assert_equal_models
from keras import layers
from tflite_runners import require_operators

from keras_shiftadd import export
from keras_shiftadd import layers as ksa_layers
from keras_shiftadd.export._tflite.write_model import write_model


@pytest.fixture(scope="module")
def model_and_data():
    data = normal(8, 8, 3, count=48)
    model = sequential(
        (8, 8, 3),
        ksa_layers.ShiftConv2D(6, 3, padding="same", use_bias=False),
        layers.BatchNormalization(),
        layers.ReLU(),
        ksa_layers.AdderConv2D(6, 3, use_bias=False),
        layers.BatchNormalization(),
        layers.ReLU(),
        layers.GlobalAveragePooling2D(),
        ksa_layers.ShiftDense(4),
    )
    return settle(model, data), data


@pytest.fixture(scope="module")
def exported(model_and_data, tmp_path_factory):
    model, data = model_and_data
    path = tmp_path_factory.mktemp("custom") / "custom.tflite"
    return path, export.to_tflite(model, path, data, verbose=0, kernels="custom")


def test_the_file_agrees_with_the_model(exported, model_and_data):
    require_operators()
    path, report = exported
    model, data = model_and_data
    expected = predict(model, data)
    received = export.Interpreter(path, exact=True).predict(data)
    assert np.sqrt(np.mean((received - expected) ** 2)) <= 0.05 * expected.std()
    assert report.kernels == "custom"
    assert report.runtime == "litert"
    assert "with custom operators" in str(report)


def test_all_runners_give_the_bits_of_the_reference(exported, model_and_data):
    require_operators()
    path, _ = exported
    data = model_and_data[1]
    network = export.read_tflite(path)
    x = network.tensors[network.input].quantization.quantize(data)
    expected = export.IntegerInterpreter(network).predict_quantized(x)
    assert expected.std() > 0
    for runtime in export.RUNTIMES:
        received = export.Interpreter(path, runtime, exact=True).predict_quantized(x)
        np.testing.assert_array_equal(received, expected, runtime)


@not_on_jax
def test_the_audit_finds_shifts_and_no_products(exported):
    path, report = exported
    audit = export.audit(path)
    audit.assert_multiplication_free()
    assert audit.multiplications == 0
    assert audit.shifts == 8 * 8 * 6 * 27 + 6 * 4
    assert report.audit.counts == audit.counts
    assert {item.kind for item in audit.operators} == {"free", "scales"}
    assert f"{8 * 8 * 6 * 27:,} shifts" in str(audit)


@pytest.mark.once
def test_scales_of_powers_of_two_need_no_rescaling(model_and_data, tmp_path):
    data = normal(8, 8, 3)
    model = sequential((8, 8, 3), ksa_layers.ShiftConv2D(6, 3))
    network = export.quantize(model, data, power_of_two_scales=True)
    path = tmp_path / "powers.tflite"
    export.write_tflite(network, path)
    audit = export.audit(path)
    assert audit.rescalings == 0
    audit.assert_multiplication_free(allow_scaling=False)


@pytest.mark.once
def test_a_sequence_keeps_the_shape_of_the_model(tmp_path):
    require_operators()
    data = normal(12, 3)
    model = sequential((12, 3), ksa_layers.AdderConv1D(5, 3, padding="causal"))
    path = tmp_path / "sequence.tflite"
    export.to_tflite(model, path, data, verbose=0, kernels="custom")
    for runtime in export.RUNTIMES:
        interpreter = export.Interpreter(path, runtime)
        assert interpreter.input_details.shape == (1, 12, 3)
        assert interpreter.output_details.shape == (1, 12, 5)


@pytest.mark.once
def test_a_network_is_written_and_read(model_and_data, tmp_path):
    network = export.quantize(*model_and_data)
    path = tmp_path / "network.tflite"
    assert export.write_tflite(network, path) == path.stat().st_size
    assert_equal_models(export.read_tflite(path), network)


@pytest.mark.once
def test_a_keras_model_is_not_a_network(model_and_data, tmp_path):
    with pytest.raises(TypeError, match=r"must be an IntegerModel.*Sequential"):
        export.write_tflite(model_and_data[0], tmp_path / "model.tflite")


@pytest.mark.once
def test_unknown_kernels_are_refused(model_and_data, tmp_path):
    path = tmp_path / "model.tflite"
    with pytest.raises(ValueError, match="`kernels` must be one of builtin, custom"):
        export.to_tflite(*model_and_data[:1], path, model_and_data[1], kernels="fast")
    assert not path.exists()


@pytest.mark.once
def test_another_wheel_of_tflite_micro_is_refused(exported, monkeypatch):
    require_operators()
    module = "keras_shiftadd.custom_ops.tflite_micro_binding"
    monkeypatch.setattr(f"{module}.installed_version", lambda: "0.dev20990101000000")
    with pytest.raises(RuntimeError, match=r"need tflite-micro 0\.dev20260203175027.*20990101"):
        export.Interpreter(exported[0], "tflite-micro")


@pytest.mark.once
def test_missing_kernels_are_named_with_the_command_that_builds_them(exported, monkeypatch):
    monkeypatch.setattr("keras_shiftadd.custom_ops._library.library_folder", lambda: exported[0])
    with pytest.raises(RuntimeError, match="keras-shiftadd build --force"):
        export.Interpreter(exported[0])


@pytest.mark.once
def test_the_export_compares_with_the_reference_without_kernels(
    model_and_data, tmp_path, monkeypatch
):
    monkeypatch.setattr("keras_shiftadd.custom_ops._library.library_folder", lambda: tmp_path)
    model, data = model_and_data
    path = tmp_path / "model.tflite"
    report = export.to_tflite(model, path, data, verbose=0, kernels="custom")
    assert report.runtime == "reference"


@pytest.mark.once
@pytest.mark.parametrize(
    ("found", "put"),
    [
        (b"SHIFTADD_CONV_2D", b"SHIFTADD_CONV_3D"),  # a name that is not known
        (b"KSAC\x01", b"KSAC\x02"),  # options of another version
        (b"KSAC\x01\x00", b"KSAC\x01\x01"),  # options of another operator than the name's
    ],
)
def test_the_audit_takes_nothing_on_trust(found, put, rng, tmp_path):
    builder = NetworkBuilder(rng, (4, 4, 3))
    builder.convolution(0, "conv", 5, rounding="single")
    content = write_model(builder.model())
    assert content.count(found) == 1
    path = tmp_path / "changed.tflite"
    path.write_bytes(content.replace(found, put))
    audit = export.audit(path)
    assert [item.kind for item in audit.operators] == ["unknown"]
    with pytest.raises(export.MultiplicationFound):
        audit.assert_multiplication_free()


@pytest.mark.once
def test_a_custom_operator_that_multiplies_is_found(rng, tmp_path):
    builder = NetworkBuilder(rng, (4, 4, 3))
    builder.convolution(0, "conv", 5, rounding="single")
    path = tmp_path / "conv.tflite"
    path.write_bytes(write_model(builder.model()))
    assert export.audit(path).multiplications == 4 * 4 * 5 * 27
    with pytest.raises(export.MultiplicationFound, match="SHIFTADD_CONV_2D"):
        export.audit(path).assert_multiplication_free()
