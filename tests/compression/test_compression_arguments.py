"""What cannot be compressed is refused before a process starts."""

import importlib.util

import keras
import networks
import numpy as np
import pytest

import keras_shiftadd as ksa
from keras_shiftadd.compression import (
    ConstantSparsity,
    PolynomialDecay,
    PowerOfTwoClustering,
    cluster,
    prune,
    quantize_aware,
)

X, Y = networks.data(32)
SCHEDULE = ConstantSparsity(0.5, begin_step=0, frequency=1)


@pytest.fixture(autouse=True)
def no_process(monkeypatch):
    def started(*arguments):
        raise AssertionError("a process was started")

    monkeypatch.setattr("keras_shiftadd.compression._job.run_child", started)


def sequential(*layers, shape=networks.SHAPE):
    model = keras.Sequential([keras.Input(shape), *layers])
    model.compile("sgd", "mse")
    return model


class Own(keras.layers.Dense):
    """A class that the process which trains does not know."""


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (Own(3, name="mine"), "'mine' of class"),
        (keras.layers.Lambda(lambda x: x, name="function"), "Lambda layers.*'function'"),
        (keras.layers.Masking(name="mask"), "must not make masks.*'mask'"),
    ],
)
def test_a_layer_without_a_twin_is_named(layer, message):
    model = sequential(layer, keras.layers.Dense(3))
    with pytest.raises(ValueError, match=message):
        prune(model, SCHEDULE, X, Y)


def test_a_subclassed_model_is_refused():
    class Subclassed(keras.Model):
        pass

    with pytest.raises(ValueError, match="Functional or Sequential"):
        cluster(Subclassed(), 4, X, Y)


def test_a_model_that_is_not_built_is_refused():
    with pytest.raises(ValueError, match="must be built"):
        prune(keras.Sequential([keras.layers.Dense(2)]), SCHEDULE, X, Y)


def test_no_model_is_a_type_error():
    with pytest.raises(TypeError, match=r"keras\.Model. Received: str"):
        cluster("model.keras", 4, X, Y)


@pytest.mark.parametrize("form", ["sign_exponent", "dense"])
def test_a_shift_layer_without_a_kernel_is_named(form):
    model = sequential(ksa.layers.ShiftConv2D(2, 3, form=form, name="signs"))
    with pytest.raises(ValueError, match=r"'signs'.*cannot be pruned.*signs and exponents"):
        prune(model, SCHEDULE, X, Y)


def test_a_mapped_kernel_is_named():
    model = sequential(ksa.layers.HybridConv2D(2, 3, operator="adder", name="mapped"))
    with pytest.raises(ValueError, match=r"'mapped'.*effective_kernel"):
        cluster(model, 4, X, Y)
    with pytest.raises(ValueError, match=r"'mapped'.*effective_kernel"):
        quantize_aware(model, X, Y)


def test_a_layer_with_dropout_inside_is_not_clustered():
    tokens = keras.Input((4, 4))
    attention = keras.layers.MultiHeadAttention(1, 4, dropout=0.1, name="attention")
    model = keras.Model(tokens, attention(tokens, tokens))
    with pytest.raises(ValueError, match=r"'attention'.*cannot be clustered.*differently"):
        cluster(model, 4, X, Y, loss="mse")


def test_a_layer_that_has_no_int8_form_is_named():
    model = sequential(keras.layers.Conv2DTranspose(2, 3, name="transposed"))
    with pytest.raises(ValueError, match="'transposed'"):
        quantize_aware(model, X, Y)


@pytest.mark.parametrize(
    ("layers", "error", "message"),
    [
        (["nothing"], ValueError, "must name layers"),
        (["pool"], ValueError, "must have a kernel"),
        ("stem", TypeError, "list of names"),
    ],
)
def test_layers_must_have_kernels(layers, error, message):
    with pytest.raises(error, match=message):
        prune(networks.network(), SCHEDULE, X, Y, layers=layers)


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        (PolynomialDecay(0.0, 0.5, 0, 100, frequency=10), "1 steps"),
        (PolynomialDecay(0.0, 0.5, 0, 25, frequency=10), "multiple of `frequency`"),
        (ConstantSparsity(0.5, begin_step=2, frequency=1), "1 steps"),
        (ConstantSparsity(0.5, begin_step=0, end_step=3), "at least once"),
    ],
)
def test_a_schedule_that_the_training_does_not_reach_is_refused(schedule, message):
    with pytest.raises(ValueError, match=message):
        prune(networks.network(), schedule, X, Y)


@pytest.mark.parametrize(
    "make",
    [
        lambda: ConstantSparsity(1.0, 0),
        lambda: ConstantSparsity(0.5, -1),
        lambda: ConstantSparsity(0.5, 5, 4),
        lambda: PolynomialDecay(0.0, 0.5, 0, -1),
        lambda: PolynomialDecay(0.0, 0.5, 0, 10, frequency=0),
        lambda: PolynomialDecay(True, 0.5, 0, 10),
    ],
)
def test_a_schedule_checks_its_arguments(make):
    with pytest.raises(ValueError, match="Received"):
        make()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"callbacks": []}, TypeError, "Callbacks cannot follow"),
        ({"loss": lambda y, p: p}, ValueError, "`loss` must be of Keras itself"),
        ({"optimizer": keras.optimizers.Lamb()}, ValueError, "tf_keras has"),
        ({"metrics": [lambda y, p: p]}, ValueError, "`metrics` must be of Keras"),
        ({"validation_data": X}, TypeError, r"\(x, y\)"),
        ({"validation_data": (X, Y[:3])}, ValueError, "same, positive number"),
        ({"sample_weight": np.ones(3)}, ValueError, "same, positive number"),
    ],
)
def test_what_cannot_be_handed_to_the_process_is_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        prune(networks.network(), SCHEDULE, X, Y, **arguments)


def test_data_must_be_arrays():
    with pytest.raises(TypeError, match="Collect the batches"):
        prune(networks.network(), SCHEDULE, ((X, Y) for _ in range(2)))


def test_a_model_without_a_loss_is_refused():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    with pytest.raises(ValueError, match="A loss is needed"):
        prune(model, SCHEDULE, X, Y)


@pytest.mark.parametrize(
    "arguments",
    [
        {"number_of_clusters": 1},
        {"number_of_clusters": 2, "preserve_sparsity": True},
        {"number_of_clusters": 4, "cluster_centroids_init": "best"},
        {"number_of_clusters": 4, "cluster_gradient_aggregation": "mean"},
    ],
)
def test_clusters_check_their_arguments(arguments):
    with pytest.raises(ValueError, match="Received"):
        cluster(networks.network(), x=X, y=Y, **arguments)


def test_numbers_of_numpy_reach_the_process():
    # The job is written before the process starts, and JSON knows Python's numbers only.
    schedule = ConstantSparsity(np.float32(0.5), begin_step=np.int64(0), frequency=np.int64(1))
    with pytest.raises(AssertionError, match="a process was started"):
        prune(networks.network(), schedule, X, Y, block_size=(np.int64(1), 1))
    with pytest.raises(AssertionError, match="a process was started"):
        cluster(networks.network(), np.int64(4), X, Y)


def test_missing_packages_are_named(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "tf_keras" else find(name)
    )
    with pytest.raises(ImportError, match=r"tf-keras cannot be found.*\[compression\]"):
        prune(networks.network(), SCHEDULE, X, Y)


def test_powers_of_two_begin_at_the_largest_weight():
    kernel = np.array([0.9, -0.3, 0.1])
    centroids = PowerOfTwoClustering().centroids(kernel, 5)
    np.testing.assert_array_equal(centroids, [-1.0, -0.5, 0.0, 0.5, 1.0])


def test_powers_of_two_have_a_zero_on_demand():
    centroids = PowerOfTwoClustering().centroids(np.zeros(3), 4, with_zero=True)
    assert 0.0 in centroids
    assert len(set(centroids)) == 4
