"""Which weights a step of a supernet moves, and where to."""

import random

import keras
import numpy as np
import pytest
from small_spaces import small_space, without_random_weights
from small_supernets import inputs_of, supernet_of

from keras_shiftadd.tuners._supernet.encoding import encode

LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
RATE = 0.1


def space_of(operators):
    return without_random_weights(
        small_space(
            operators=operators,
            depths=((1,), (1, 2)),
            widths=((4, 8), (8,)),
            kernel_sizes=(3, 5),
        )
    )


def only(supernet, architecture):
    """Makes all random sub-networks this one."""
    table = supernet._random_table
    table.assign(np.broadcast_to(encode(supernet.space, architecture), table.shape))


def copies(variables):
    return [np.array(keras.ops.convert_to_numpy(variable)) for variable in variables]


def one_step(model, space):
    """Changes of the weights in a step of plain SGD."""
    x = inputs_of(space).astype("float32")
    model.compile(keras.optimizers.SGD(RATE), LOSS)
    before = copies(model.trainable_variables)
    model.train_on_batch(x, np.arange(8) % 3)
    after = copies(model.trainable_variables)
    paths = [variable.path for variable in model.trainable_variables]
    return {path: b - a for path, a, b in zip(paths, before, after, strict=True)}


def ends_with(changes, name):
    (found,) = [change for path, change in changes.items() if path.endswith(name)]
    return found


# Each takes a minute to compile on JAX; the adder's is the one that differs most.
OPERATORS = ("adder",) if keras.backend.backend() == "jax" else ("conv", "shift", "adder")


@pytest.fixture(scope="module", params=OPERATORS)
def step(request):
    """The changes of a supernet and of the network cut out, from the same weights."""
    space = space_of(("conv", "shift" if request.param == "conv" else request.param))
    supernet = supernet_of(space, sampling="single_path")
    block = {"operator": request.param, "kernel_size": 3, "expansion": 1}
    architecture = {
        "stages": [{"width": 4, "blocks": [dict(block)]}, {"width": 8, "blocks": [dict(block)]}]
    }
    space.validate(architecture)
    only(supernet, architecture)
    supernet.select(architecture)
    network = supernet.cut_out()
    return request.param, one_step(supernet, space), one_step(network, space)


def test_blocks_that_are_skipped_stay_as_they_are(step):
    _, changes, _ = step
    skipped = [change for path, change in changes.items() if "stage1_block1" in path]
    assert skipped
    assert not any(change.any() for change in skipped)


def test_channels_and_taps_that_are_not_in_use_stay_as_they_are(step):
    _, changes, _ = step
    expand = ends_with(changes, "stage0_block0/expand_kernel")
    assert expand[..., :4].any()
    assert not expand[..., 4:].any()
    window = ends_with(changes, "stage0_block0/depthwise_kernel").copy()
    assert window[1:4, 1:4, :4].any()
    window[1:4, 1:4, :4] = 0
    assert not window.any()


def test_offsets_of_other_operators_stay_as_they_are(step):
    operator, changes, _ = step
    beta = ends_with(changes, "stage0_block0/expand_beta")
    row = 0 if operator == "conv" else 1
    assert beta[row].any()
    assert not np.delete(beta, row, axis=0).any()


def test_a_step_moves_the_weights_as_it_moves_those_of_the_network_cut_out(step):
    operator, changes, wanted = step
    for place in ("expand", "depthwise", "project"):
        found = ends_with(changes, f"stage0_block0/{place}_kernel")
        own = ends_with(wanted, f"stage0_block0_{place}/kernel")
        if place == "depthwise":
            found = found[1:4, 1:4, : own.shape[2]]
        else:
            found = found[:, :, : own.shape[2], : own.shape[3]]
        if operator == "adder":
            # Gradients of both are brought to a norm, each to one of its own.
            assert (found * own).sum() > 0.5 * np.linalg.norm(found) * np.linalg.norm(own)
        else:
            np.testing.assert_allclose(found, own, rtol=1e-3, atol=1e-5)


def test_gain_and_offset_of_the_adder_kernels_are_trained(step):
    operator, changes, _ = step
    if operator != "adder":
        pytest.skip("only adder layers have them")
    for name in ("gain", "offset"):
        assert ends_with(changes, f"stage0_block0/expand_adder_{name}") != 0


class TestLoss:
    """Of logits as a step of a sandwich returns them."""

    @pytest.fixture(scope="class")
    def logits(self):
        return np.random.default_rng(0).normal(size=(3, 4, 3)).astype("float32")

    @staticmethod
    def loss(logits, **arguments):
        supernet = supernet_of(space_of(("conv",)), **arguments)
        supernet.compile("sgd", LOSS)
        x, y = np.zeros((4, 8, 8, 3), "float32"), np.array([0, 1, 2, 0])
        return float(supernet.compute_loss(x, y, keras.ops.convert_to_tensor(logits)))

    @staticmethod
    def crossentropy(wanted, logits):
        log = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
        return -(wanted * log).sum(-1).mean()

    def test_without_distillation_all_learn_the_classes(self, logits):
        wanted = sum(self.crossentropy(np.eye(3)[[0, 1, 2, 0]], one) for one in logits)
        assert self.loss(logits, distillation=False) == pytest.approx(wanted, rel=1e-5)

    def test_with_distillation_the_others_learn_from_the_largest(self, logits):
        first = logits[0]
        teacher = np.exp(first) / np.exp(first).sum(-1, keepdims=True)
        wanted = self.crossentropy(np.eye(3)[[0, 1, 2, 0]], first)
        wanted += sum(self.crossentropy(teacher, one) for one in logits[1:])
        assert self.loss(logits) == pytest.approx(wanted, rel=1e-5)


@pytest.mark.skipif(keras.backend.backend() == "jax", reason="compiles for a minute")
def test_a_supernet_of_bfloat16_trains():
    space = small_space(
        widths=((4, 8),),
        depths=((1,),),
        strides=(2,),
        operators=("shift", "adder"),
        kernel_sizes=(3,),
        attention_stages=0,
    )
    supernet = supernet_of(space, dtype="mixed_bfloat16", random_networks=0)
    changes = one_step(supernet, space)
    assert all(np.isfinite(change).all() for change in changes.values())
    architecture = space.sample(random.Random(0))
    supernet.select(architecture)
    x = inputs_of(space).astype("float32")
    supernet.calibrate(x)
    logits = keras.ops.convert_to_tensor(supernet.predict_on_batch(x))
    assert np.isfinite(keras.ops.convert_to_numpy(keras.ops.cast(logits, "float32"))).all()
