"""A supernet is all of its sub-networks: each one cut out predicts the same."""

import random

import keras
import numpy as np
import pytest
from small_spaces import small_space, without_random_weights
from small_supernets import difference, double_precision, inputs_of, predicted, supernet_of

import keras_shiftadd as ksa
from keras_shiftadd.tuners import Supernet

BACKEND = keras.backend.backend()
LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
# Adder layers return sums of some hundred absolute values; BatchNormalization takes away their
# mean, and with it three of the seven digits of float32.
SINGLE = 2e-4
DOUBLE = 1e-9
# JAX compiles each layer of a cut-out network.
NETWORKS = 4 if BACKEND == "jax" else 15

SPACES = {
    "inverted residual": {},
    "bottleneck": {"block": "bottleneck", "attention_projection": "shift"},
    "series": {"input_shape": (9, 2), "attention_projection": "shift", "stem_stride": 4},
    "series of bottlenecks": {"input_shape": (9, 2), "block": "bottleneck"},
}


def space_of(name, **options):
    arguments = {"depths": ((1,), (1, 2)), "widths": ((4, 8), (8,)), **SPACES[name], **options}
    return without_random_weights(small_space(**arguments))


@pytest.fixture(scope="module")
def supernet():
    """One for all tests that do not mind what others have done with it."""
    # On JAX a depthwise convolution is a sum of as many windows as the kernel has taps: what
    # takes 5 instead of 25 of them is compiled in half of the time.
    space = space_of("series" if BACKEND == "jax" else "inverted residual")
    supernet = supernet_of(space, random_networks=1)
    supernet.compile("sgd", LOSS)
    return supernet


def architectures(space, count):
    """Random ones, among them each operator at each place where it may stand."""
    rng = random.Random(0)
    found = [space.sample(rng) for _ in range(count)]
    for operator in space.operators:
        architecture = space.extreme(rng, largest=True)
        for i, stage in enumerate(architecture["stages"]):
            for j, block in enumerate(stage["blocks"]):
                if operator in space.block_operators(i, j):
                    block["operator"] = operator
                    if operator == "attention":
                        del block["kernel_size"]
                        if space.block != "bottleneck":
                            del block["expansion"]
        found.append(architecture)
    return found


def check_cut_out(supernet, x, tolerance, count=NETWORKS):
    for architecture in architectures(supernet.space, count):
        supernet.select(architecture)
        supernet.calibrate(x)
        found, wanted = predicted(supernet.cut_out(), x), predicted(supernet, x)
        assert np.ptp(wanted, axis=0).min() > 1e-3
        assert difference(found, wanted) < tolerance


def test_a_network_cut_out_predicts_what_the_supernet_does(supernet):
    check_cut_out(supernet, inputs_of(supernet.space).astype("float32"), SINGLE)


@pytest.mark.skipif(
    BACKEND != "torch", reason="TensorFlow: in double precision below; JAX compiles for a minute"
)
@pytest.mark.parametrize("name", list(SPACES)[1:])
def test_so_do_other_kinds_of_networks(name):
    space = space_of(name)
    check_cut_out(supernet_of(space), inputs_of(space).astype("float32"), SINGLE, 6)


@pytest.mark.skipif(
    BACKEND != "tensorflow", reason="Keras computes means in float32 on JAX and PyTorch"
)
class TestDoublePrecision:
    @pytest.fixture(autouse=True)
    def _eager(self):
        tf = pytest.importorskip("tensorflow")
        tf.config.run_functions_eagerly(True)  # the portable form takes long to trace
        with double_precision():
            yield
        tf.config.run_functions_eagerly(False)

    @pytest.mark.parametrize("name", ["inverted residual", "series of bottlenecks"])
    def test_cut_out_networks_are_equal(self, name):
        space = space_of(name)
        check_cut_out(supernet_of(space), inputs_of(space), DOUBLE, 2)

    @pytest.mark.parametrize("sharing", ksa.ops.WEIGHT_SHARINGS)
    def test_cut_out_networks_are_equal_with_each_weight_sharing(self, sharing):
        space = space_of("inverted residual", operators=("shift", "adder"))
        supernet = supernet_of(space, weight_sharing=sharing, bins=5)
        check_cut_out(supernet, inputs_of(space), DOUBLE, 1)


def trace_counter(monkeypatch, supernet):
    """Counts the Python calls of the last block: one for each run that is traced."""
    traced = []
    block = supernet.blocks[-1]
    original = type(block).call

    def call(self, *args, **kwargs):
        if self is block:
            traced.append(1)
        return original(self, *args, **kwargs)

    monkeypatch.setattr(type(block), "call", call)
    return traced


@pytest.mark.skipif(BACKEND == "torch", reason="PyTorch runs Python at each step")
def test_all_choices_are_served_without_a_retrace(monkeypatch, supernet):
    x = inputs_of(supernet.space).astype("float32")
    y = np.arange(8) % 3
    supernet.fit(x, y, batch_size=4, verbose=0)
    for method in (supernet.predict, supernet.evaluate):
        method(*((x,) if method == supernet.predict else (x, y)), batch_size=4, verbose=0)
    supernet.calibrate(x)
    traced = trace_counter(monkeypatch, supernet)
    supernet.fit(x, y, batch_size=4, epochs=4, verbose=0)
    for architecture in architectures(supernet.space, 4):
        supernet.select(architecture)
        supernet.calibrate(x)
        supernet.predict(x, batch_size=4, verbose=0)
        supernet.evaluate(x, y, batch_size=4, verbose=0)
    assert not traced


def test_training_lowers_the_loss_with_skipped_blocks_and_attention(supernet):
    y = np.arange(8) % 3
    x = inputs_of(supernet.space)
    x = (x + y.reshape(-1, *[1] * (x.ndim - 1))).astype("float32")
    before = supernet.get_weights()
    losses = supernet.fit(x, y, batch_size=4, epochs=12, verbose=0).history["loss"]
    supernet.set_weights(before)
    assert np.isfinite(losses).all()
    assert min(losses[-3:]) < losses[0]


def test_a_training_step_returns_logits_of_each_sub_network(supernet):
    x = inputs_of(supernet.space, 4).astype("float32")
    if BACKEND == "jax":  # where running it layer by layer compiles each of them
        symbol = keras.KerasTensor(x.shape)
        for training, shape in ((True, (3, 4, 3)), (False, (4, 3))):
            assert supernet.compute_output_spec(symbol, training=training).shape == shape
        return
    assert tuple(supernet(x, training=True).shape) == (3, 4, 3)
    assert tuple(supernet(x).shape) == (4, 3)


def test_calibration_is_that_of_the_layers_of_the_network_cut_out(supernet):
    x = inputs_of(supernet.space).astype("float32")
    supernet.select(architectures(supernet.space, 1)[0])
    supernet.calibrate(x)
    network = supernet.cut_out()
    norms = [layer for layer in network.layers if layer.name.endswith("_norm")]
    wanted = [
        np.array(keras.ops.convert_to_numpy(norm.moving_mean))
        for norm in norms
        if norm.name != "stem_norm"
    ]
    for norm in norms:
        norm.momentum = 0.0
    network(x, training=True)
    found = [
        np.array(keras.ops.convert_to_numpy(norm.moving_mean))
        for norm in norms
        if norm.name != "stem_norm"
    ]
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-3)


def test_weights_survive_a_file(supernet, tmp_path):
    path = tmp_path / "supernet.weights.h5"
    supernet.save_weights(path)
    other = Supernet(supernet.space, seed=5)
    other.load_weights(path)
    for first, second in zip(supernet.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(first, second)


def test_a_supernet_survives_a_keras_file(supernet, tmp_path):
    path = tmp_path / "supernet.keras"
    supernet.save(path)
    other = ksa.load_model(path)
    assert isinstance(other, Supernet)
    assert other.compiled
    assert other.space.genes == supernet.space.genes
    for first, second in zip(supernet.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(first, second)


ERRORS = {
    "sharing": ({"weight_sharing": "half"}, "`weight_sharing` must be one of"),
    "sampling": ({"sampling": "all"}, "`sampling` must be one of"),
    "random networks": ({"random_networks": -1}, "`random_networks` must be an integer from 0"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_a_bad_argument_is_refused(name):
    arguments, message = ERRORS[name]
    with pytest.raises(ValueError, match=message):
        Supernet(space_of("series"), **arguments)


def test_an_architecture_of_another_space_is_refused(supernet):
    with pytest.raises(ValueError, match="must be a dictionary"):
        supernet.select({})


def test_calibration_needs_samples(supernet):
    with pytest.raises(ValueError, match="`x` must hold samples"):
        supernet.calibrate(np.zeros((0, 8, 8, 3), "float32"))
