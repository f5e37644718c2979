"""Energy of operations."""

import keras
import pytest

import keras_shiftadd as ksa
from keras_shiftadd.cost import ENERGY_45NM_PJ, Operations, count_operations, energy_pj

STEPS = 16 * 9 * 2 * 4


def one_layer(layer, shape=(6, 6, 2)):
    return count_operations(keras.Sequential([keras.Input(shape), layer]))


def hybrid(operator):
    return one_layer(ksa.layers.HybridConv2D(4, 3, operator=operator, use_bias=False))


@pytest.mark.parametrize(
    ("bits", "multiply", "add", "shift"),
    [(8, 0.2, 0.03, 0.024), (16, 1.1, 0.4, 0.057), (32, 3.7, 0.9, 0.13)],
)
def test_word_length_chooses_the_columns(bits, multiply, add, shift):
    assert energy_pj(Operations(multiply=1), bits) == pytest.approx(multiply)
    assert energy_pj(Operations(add=1), bits) == pytest.approx(add)
    assert energy_pj(Operations(shift=1), bits) == pytest.approx(shift)


def test_fair_accounting_charges_accumulation():
    assert energy_pj(hybrid("conv")) == pytest.approx(STEPS * (0.2 + 0.03))
    assert energy_pj(hybrid("shift")) == pytest.approx(STEPS * (0.024 + 0.03))
    assert energy_pj(hybrid("adder")) == pytest.approx(STEPS * 2 * 0.03)


@pytest.mark.parametrize(
    ("bits", "conv", "shift", "adder"),
    # FP32 against 32-bit shifts and FP32 additions, and INT8: the papers' two comparisons.
    [(32, 3.7, 0.13, 0.9), (8, 0.2, 0.024, 0.03)],
)
def test_paper_accounting_reproduces_the_papers_ratios(bits, conv, shift, adder):
    energy = {name: energy_pj(hybrid(name), bits, "paper") for name in ("conv", "shift", "adder")}
    assert energy["conv"] / energy["shift"] == pytest.approx(conv / shift)
    assert energy["conv"] / energy["adder"] == pytest.approx(conv / adder)


def test_paper_accounting_prices_depthwise_as_dense():
    depthwise = one_layer(keras.layers.DepthwiseConv2D(3, use_bias=False), (6, 6, 8))
    dense = one_layer(keras.layers.Conv2D(8, 3, use_bias=False), (6, 6, 8))
    assert energy_pj(depthwise, accounting="paper") == energy_pj(dense, accounting="paper")
    assert energy_pj(depthwise) == pytest.approx(energy_pj(dense) / 8)


def test_row_and_whole_count_are_priced_alike():
    counts = hybrid("shift")
    assert energy_pj(counts) == energy_pj(counts.rows[0]) == energy_pj(counts.operations)


def test_operations_add_up():
    assert Operations(1, 2, 3) + Operations(10, 20, 30) * 2 == Operations(21, 42, 63)
    assert Operations(1, 2, 3).total == 6


def test_plain_operations_have_no_paper_accounting():
    with pytest.raises(ValueError, match="count_operations"):
        energy_pj(Operations(multiply=1), accounting="paper")


@pytest.mark.parametrize("bits", [4, 64, "8"])
def test_unknown_bits_are_refused(bits):
    with pytest.raises(ValueError, match="8, 16 or 32"):
        energy_pj(Operations(), bits=bits)


def test_unknown_accounting_is_refused():
    with pytest.raises(ValueError, match="'fair' or 'paper'"):
        energy_pj(hybrid("conv"), accounting="mine")


def test_something_else_has_no_energy():
    with pytest.raises(TypeError, match="`operations`"):
        energy_pj(12)


def test_table_holds_the_published_figures():
    assert ENERGY_45NM_PJ["FP32"] == {"multiply": 3.7, "add": 0.9}
    assert ENERGY_45NM_PJ["INT8"] == {"multiply": 0.2, "add": 0.03, "shift": 0.024}
