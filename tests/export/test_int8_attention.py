"""Attention in int8: near the float layer, with one set of bits in NumPy, LiteRT and C."""

import keras
import numpy as np
import pytest
from attention_networks import encoder, randomized, sequences, vision
from test_to_c import SANITIZERS, STRICT, c_compiler, run_command
from tflite_runners import assert_runs_alike, require_operators

import keras_shiftadd as ksa
from keras_shiftadd import export
from keras_shiftadd.export._integer.model import IntegerModel, Tensor
from keras_shiftadd.export._integer.multipliers import tflite_multiplier
from keras_shiftadd.export._integer.operators import (
    AddConstant,
    Lookup,
    MatMul,
    Repeat,
    Requantization,
    Reshape,
    Softmax,
    Transpose,
)
from keras_shiftadd.export._integer.reference import run
from keras_shiftadd.export._integer.softmax import OUTPUT, softmax_arguments
from keras_shiftadd.export._quantization import Quantization
from keras_shiftadd.export._tflite import derived_integers
from keras_shiftadd.export._tflite.read_model import read_model
from keras_shiftadd.export._tflite.write_model import write_model

pytestmark = pytest.mark.once

BLOCKS = {
    "dense": {},
    "shift": {"projection": "shift", "feed_forward": "shift"},
    "adder, normalised behind": {
        "projection": "adder", "feed_forward": "adder", "normalize_first": False,
    },
}  # fmt: skip
LAPLACIAN = {"similarity": "laplacian", "projection": "shift", "feed_forward": "adder"}


def runs_as_c(model, x, folder, target="cortex-m4"):
    """The generated C gives the bits of the reference, under sanitizers and without a warning."""
    export.to_c(model, folder / "firmware", target=target, test_data=x)
    program = str(folder / "test_model")
    sources = map(str, (folder / "firmware").glob("*.c"))
    run_command(c_compiler(), *STRICT, *SANITIZERS, *sources, "-o", program)
    assert f"{len(x)} of {len(x)} samples as recorded" in run_command(program)


def integers(model, count=8):
    rng = np.random.default_rng(3)
    shape = model.tensors[model.input].shape
    return rng.integers(-128, 128, (count, *shape)).astype(np.int8)


def matrices_model(operator="conv", transpose=True):
    """Heads of a sequence compared with each other, scaled, mixed, joined, and moved about."""
    rng = np.random.default_rng(0)
    scale = Quantization(0.05, 3)
    scores = Quantization(0.11, -7)
    small = Quantization(0.02, 11)
    tensors = [
        Tensor("x", (1, 5, 6), scale),
        Tensor("moved", (1, 5, 6), small),
        Tensor("split", (5, 2, 3), small),
        Tensor("heads", (2, 5, 3), small),
        Tensor("scores", (2, 5, 5), scores),
        Tensor("shares", (2, 5, 5), OUTPUT),
        Tensor("mixed", (2, 5, 3), scale),
        Tensor("one", (30, 1, 1), scale),
        Tensor("repeated", (30, 1, 4), scale),
    ]
    own = Quantization(0.013, -4)
    numbers = derived_integers.add(scale, own, small, "linear")
    constant = rng.integers(-128, 128, (1, 5, 6)).astype(np.int8)
    if operator == "conv":
        compared = derived_integers.fully_connected(small, small.scale, 1, scores, "linear")
    else:
        multiplier, shift = tflite_multiplier(small.scale / scores.scale)
        compared = Requantization(
            np.array(multiplier, np.int32), np.array(shift, np.int32), -7, "double"
        )
    mixed = derived_integers.fully_connected(OUTPUT, small.scale, 1, scale, "linear")
    made = (
        AddConstant(
            "positions", (0,), 1, constant, own, numbers.left_shift, numbers.input_multipliers,
            numbers.input_shifts, numbers.requantization,
        ),
        Reshape("split", (1,), 2),
        Transpose("heads", (2,), 3),
        MatMul("scores", operator, (3, 3), 4, compared, True),
        Softmax("shares", (4,), 5, *softmax_arguments(0.11, 0.5), 0.5),
        MatMul("mixed", "conv", (5, 3), 6, mixed, False),
        Reshape("one", (6,), 7),
        Repeat("repeated", (7,), 8),
    )  # fmt: skip
    return IntegerModel("matrices", tuple(tensors), made, 0, 8)


def test_products_of_matrices_are_those_of_numpy():
    model = matrices_model()
    x = integers(model)
    heads = run(IntegerModel("h", model.tensors[:4], model.operators[:3], 0, 3), x)
    found = run(IntegerModel("s", model.tensors[:5], model.operators[:4], 0, 4), x)
    real = 0.02 * (heads.astype(float) - 11)
    wanted = np.clip(np.einsum("bhqd,bhkd->bhqk", real, real) / 0.11 - 7, -128, 127)
    assert np.abs(found - wanted).max() < 0.56


def test_distances_of_matrices_are_those_of_numpy():
    model = matrices_model("adder")
    x = integers(model)
    heads = run(IntegerModel("h", model.tensors[:4], model.operators[:3], 0, 3), x)
    found = run(IntegerModel("s", model.tensors[:5], model.operators[:4], 0, 4), x)
    real = 0.02 * (heads.astype(float) - 11)
    distances = -np.abs(real[:, :, :, None] - real[:, :, None]).sum(axis=-1)
    # Rounded twice, as the builtin operators do.
    assert np.abs(found - np.clip(distances / 0.11 - 7, -128, 127)).max() < 0.56


def test_the_operators_have_the_bits_of_the_reference_in_the_runtimes(tmp_path):
    assert_runs_alike(matrices_model(), integers(matrices_model()), tmp_path)


@pytest.mark.parametrize("operator", ["conv", "adder"])
@pytest.mark.parametrize("target", ["cortex-m4", "rv32i"])
def test_the_operators_have_the_bits_of_the_reference_in_c(operator, target, tmp_path):
    model = matrices_model(operator)
    x = model.tensors[0].quantization.dequantize(integers(model)).astype("float32")
    runs_as_c(model, x, tmp_path, target)


def test_a_file_is_read_as_it_was_written():
    model = matrices_model()
    again = read_model(write_model(model), "network")
    x = integers(model)
    np.testing.assert_array_equal(run(again, x), run(model, x))
    assert [type(o) for o in again.operators] == [type(o) for o in model.operators]


@pytest.mark.parametrize("name", [*BLOCKS, "laplacian"])
def test_a_network_of_encoder_blocks_is_near_the_float_network(name):
    model = encoder(**{**BLOCKS, "laplacian": LAPLACIAN}[name])
    x = sequences()
    float_outputs = model.predict(x, verbose=0)
    outputs = export.IntegerInterpreter(export.quantize(model, x)).predict(x)
    error = np.sqrt(np.mean((outputs - float_outputs) ** 2))
    assert error < 0.15 * float_outputs.std()


@pytest.mark.parametrize("name", BLOCKS)
def test_a_network_of_encoder_blocks_has_the_same_bits_in_litert(name, tmp_path):
    require_operators()
    model = export.quantize(encoder(**BLOCKS[name]), sequences())
    x = model.tensors[0].quantization.quantize(sequences(6)).reshape(6, *model.tensors[0].shape)
    assert_runs_alike(model, x, tmp_path)


def test_attention_alone_is_of_builtin_operators(tmp_path):
    inputs = keras.Input((6, 8))
    outputs = ksa.layers.HybridAttention(2, 4)(inputs, inputs)
    model = export.quantize(randomized(keras.Model(inputs, outputs)), sequences())
    assert not any(isinstance(operator, Lookup) for operator in model.operators)
    x = model.tensors[0].quantization.quantize(sequences(6)).reshape(6, *model.tensors[0].shape)
    assert_runs_alike(model, x, tmp_path)


def test_a_vision_transformer_has_the_same_bits_in_litert_and_in_c(tmp_path):
    require_operators()
    images = np.random.default_rng(0).normal(size=(32, 8, 8, 1)).astype("float32")
    network = vision()
    model = export.quantize(network, images)
    assert any(isinstance(operator, AddConstant) for operator in model.operators)
    x = model.tensors[0].quantization.quantize(images[:4])
    assert_runs_alike(model, x, tmp_path)
    runs_as_c(model, images[:4], tmp_path)


@pytest.mark.parametrize(
    ("name", "target"),
    [("shift", "rv32i"), ("adder, normalised behind", "cortex-m4"), ("laplacian", "cortex-m0")],
)
def test_a_network_of_encoder_blocks_has_the_same_bits_in_c(name, target, tmp_path):
    network = encoder(**{**BLOCKS, "laplacian": LAPLACIAN}[name])
    x = sequences()
    # As `to_c` rounds by itself.
    model = export.quantize(network, x, conv_rounding="single", add_rounding="single")
    runs_as_c(model, x[:3], tmp_path, target)


def test_distances_have_no_operator_in_tflite_files():
    model = export.quantize(encoder(**LAPLACIAN), sequences())
    with pytest.raises(ValueError, match="distances of matrices; `to_c` writes them"):
        write_model(model)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (lambda x: ksa.layers.HybridEncoderBlock(8, 2, operator="conv")(x), "operator must be"),
        (
            lambda x: ksa.layers.HybridEncoderBlock(8, 2, feed_forward="mixture")(x),
            "must not be a mixture",
        ),
        (
            lambda x: ksa.layers.HybridAttention(2, 4, similarity="binary_linear")(x, x),
            "similarity must be 'dot' or 'laplacian'",
        ),
        (
            lambda x: ksa.layers.HybridAttention(2, 4, sliding_window=2)(x, x),
            "sliding_window=2 is not supported",
        ),
        (
            lambda x: ksa.layers.HybridAttention(2, 4)(x, x, use_causal_mask=True),
            "without masks, scores and caches. Received: use_causal_mask",
        ),
        (lambda x: keras.layers.LayerNormalization(axis=1)(x), "its axis must be the last"),
    ],
)
def test_what_has_no_int8_form_is_named(layer, message):
    inputs = keras.Input((6, 8))
    model = keras.Model(inputs, layer(inputs))
    with pytest.raises(export.UnsupportedLayerError, match=message):
        export.quantize(model, sequences())


def test_builtin_files_say_how_attention_is_exported(tmp_path):
    with pytest.raises(export.UnsupportedLayerError, match='kernels="custom"'):
        export.to_tflite(encoder(), tmp_path / "model.tflite", calibration_data=sequences())
