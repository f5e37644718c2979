"""Targets against the measurements and publications that they come from."""

import dataclasses

import keras
import pytest

import keras_shiftadd as ksa
from keras_shiftadd.cost import HARDWARE, count_operations, estimate, hardware

layers = keras.layers
PLAIN = {"padding": "same", "use_bias": False, "kernel_initializer": "ones"}


def counts_of(operator, size, in_channels, filters, kernel_size):
    layer = {
        "conv": layers.Conv2D,
        "shift": ksa.layers.ShiftConv2D,
        "adder": ksa.layers.AdderConv2D,
    }[operator](filters, kernel_size, **PLAIN)
    return count_operations(keras.Sequential([keras.Input((size, size, in_channels)), layer]))


@pytest.mark.parametrize(
    ("target", "operator", "spatial", "pointwise"),
    # Millions of instructions, counted by benchmarks/micro.py.
    [
        ("cortex-m4", "conv", 1.336, 0.360),
        ("cortex-m4", "shift", 1.336, 0.360),
        ("cortex-m4", "adder", 0.582, 0.192),
        ("cortex-m0", "conv", 5.587, 2.574),
        ("cortex-m0", "shift", 2.353, 1.162),
        ("cortex-m0", "adder", 4.552, 1.915),
        ("rv32i", "conv", 6.186, 2.348),
        ("rv32i", "shift", 2.414, 0.925),
        ("rv32i", "adder", 5.669, 2.200),
    ],
)
def test_measured_kernels_are_estimated_within_15_percent(target, operator, spatial, pointwise):
    for counts, measured in (
        (counts_of(operator, 16, 16, 32, 3), spatial),
        (counts_of(operator, 16, 32, 32, 1), pointwise),
    ):
        assert estimate(counts, target).instructions == pytest.approx(1e6 * measured, rel=0.15)


@pytest.mark.parametrize(
    ("target", "layer", "measured"),
    [
        ("cortex-m4", layers.DepthwiseConv2D, 0.550),
        ("cortex-m0", layers.DepthwiseConv2D, 1.604),
        ("rv32i", ksa.layers.ShiftDepthwiseConv2D, 1.341),
        ("rv32i", ksa.layers.AdderDepthwiseConv2D, 2.999),
    ],
)
def test_depthwise_kernels_have_figures_of_their_own(target, layer, measured):
    model = keras.Sequential(
        [keras.Input((16, 16, 32)), layer(3, padding="same", depthwise_initializer="ones")]
    )
    assert estimate(model, target).instructions == pytest.approx(1e6 * measured, rel=0.02)


def test_adder_is_cheapest_with_dsp_and_shift_without_a_multiplier():
    def order(target):
        costs = {
            name: estimate(counts_of(name, 8, 16, 16, 3), target).instructions
            for name in ("conv", "shift", "adder")
        }
        return sorted(costs, key=costs.get)

    assert order("cortex-m4")[0] == "adder"
    assert order("rv32i") == ["shift", "adder", "conv"]
    assert order("cortex-m0") == ["shift", "adder", "conv"]


def test_a_dense_layer_pays_for_the_pixels_that_a_kernel_takes_at_a_time():
    model = keras.Sequential([keras.Input((256,)), layers.Dense(64, use_bias=False)])
    figures = hardware("cortex-m4").instructions.conv
    expected = 2 * (256 * 64 * figures.step + 256 * figures.gather) + 64 * figures.output
    assert estimate(model, "cortex-m4").instructions == pytest.approx(expected)


def test_what_folds_into_a_kernel_takes_no_instructions():
    def network(*more):
        return keras.Sequential(
            [keras.Input((8, 8, 2)), layers.Conv2D(4, 3, **PLAIN), *more, layers.Flatten()]
        )

    folded = network(layers.BatchNormalization(), layers.ReLU(6.0), layers.Dropout(0.1))
    for target in ("cortex-m4", "cortex-m0", "rv32i"):
        assert estimate(folded, target).instructions == estimate(network(), target).instructions


def test_pooling_and_addition_take_the_stated_instructions():
    inputs = keras.Input((4, 4, 2))
    pooled = layers.MaxPooling2D(2)(layers.Add()([inputs, inputs]))
    figures = hardware("cortex-m4").instructions
    expected = 32 * (figures.add + figures.element) + 8 * (3 * figures.add + figures.element)
    got = estimate(keras.Model(inputs, pooled), "cortex-m4").instructions
    assert got == pytest.approx(expected)


def test_copies_take_the_stated_instructions():
    inputs = keras.Input((4, 4, 2))
    model = keras.Model(inputs, layers.ZeroPadding2D(1)(inputs))
    assert estimate(model, "rv32i").instructions == 72 * hardware("rv32i").instructions.copy


@pytest.mark.parametrize(("bits", "step"), [(8, (0.2, 0.1, 0.025)), (32, (18.8, 0.4, 0.1))])
def test_fpga_charges_the_published_figures(bits, step):
    multiply, add, shift = step
    steps = 64 * 9 * 2 * 4
    for operator, pj in (("conv", multiply + add), ("shift", shift + add), ("adder", 2 * add)):
        cost = estimate(counts_of(operator, 8, 2, 4, 3), "fpga-zc706", bits=bits)
        assert cost.energy_uj == pytest.approx(steps * pj / 1e6)


@pytest.mark.parametrize(
    ("operator", "counts", "published_mj"),
    # Layers of ShiftAddNAS, FP32, in the records released with it: 3x3 on 56x56x64, and 1x1 from
    # 128 to 256 channels.
    [
        ("conv", (56, 64, 64, 3), 5.0017),
        ("adder", (56, 64, 64, 3), 4.0012),
        ("shift", (56, 128, 256, 1), 1.4562),
    ],
)
def test_paper_accounting_is_within_10_percent_of_the_published_layers(
    operator, counts, published_mj
):
    cost = estimate(counts_of(operator, *counts), bits=32, accounting="paper")
    assert cost.energy_uj / 1000 == pytest.approx(published_mj, rel=0.1)


def test_paper_accounting_comes_near_the_published_ratio_of_networks():
    # ShiftAddAug, CIFAR-100: 1.726 with convolutions, 0.536 with shifts. The network here has the
    # blocks of its MobileNetV2 of width 0.35, fewer of them.
    def network(depthwise, pointwise):
        x = inputs = keras.Input((64, 64, 3))
        x = layers.Conv2D(16, 3, strides=2, **PLAIN)(x)
        for width, strides in ((8, 2), (16, 2), (24, 1)):
            x = pointwise(6 * x.shape[-1], 1, **PLAIN)(x)
            x = depthwise(3, strides=strides, padding="same", use_bias=False)(x)
            x = pointwise(width, 1, **PLAIN)(x)
        x = layers.GlobalAveragePooling2D()(x)
        return keras.Model(inputs, layers.Dense(100, kernel_initializer="ones")(x))

    conv = network(layers.DepthwiseConv2D, layers.Conv2D)
    shift = network(ksa.layers.ShiftDepthwiseConv2D, ksa.layers.ShiftConv2D)
    energies = [estimate(x, bits=32, accounting="paper").energy_uj for x in (conv, shift)]
    assert energies[0] / energies[1] == pytest.approx(1.726 / 0.536, rel=0.05)


def test_papers_charge_an_adder_layer_no_memory_but_registers():
    counts = counts_of("adder", 8, 2, 4, 3)
    memory = hardware("asic-45nm").memory
    steps, outputs = 64 * 9 * 2 * 4, 64 * 4
    words = steps * (3 * memory.register + memory.weight_register)
    words += outputs * memory.partial_sum_network
    got = memory.paper_pj(counts.rows[0], 32)
    assert got == pytest.approx(words * 32 / 16)


def test_fair_memory_is_the_same_for_every_operator_of_equal_weights():
    def memory(operator):
        counts = counts_of(operator, 8, 2, 4, 3)
        with_memory = estimate(counts, "asic-45nm").energy_uj
        return with_memory - estimate(counts, "asic-45nm-arithmetic").energy_uj

    assert memory("adder") == pytest.approx(memory("conv"))
    # The weights of a shift layer are of 5 bits.
    assert memory("shift") < memory("conv")


def test_fair_memory_moves_each_value_once_and_registers_every_step():
    (row,) = counts_of("shift", 8, 2, 4, 3).rows
    weights, steps, read, written = 9 * 2 * 4, 64 * 9 * 2 * 4, 64 * 2, 64 * 4
    pj = weights * 5 / 16 * (200 + 7.4)
    pj += 8 / 16 * (read * (22.2 + 7.4) + written * (22.2 + 3.7))
    pj += steps * (8 / 16 * 3 * 3.7 + 5 / 16 * 7.4)
    assert hardware("asic-45nm").memory.fair_pj(row, 8) == pytest.approx(pj)


def test_folded_layers_move_only_their_parameters():
    model = keras.Sequential([keras.Input((8, 8, 2)), layers.BatchNormalization(), layers.ReLU()])
    memory = hardware("asic-45nm").memory
    normalization, relu = count_operations(model).rows
    assert memory.fair_pj(normalization, 8) == pytest.approx(8 * 8 / 16 * (200 + 7.4))
    assert memory.fair_pj(relu, 8) == 0


def test_every_target_says_where_its_figures_come_from():
    for name, target in HARDWARE.items():
        assert target.name == name
        assert target.source
        assert target.description
        assert target.has_energy != target.has_instructions


def test_variant_of_a_target_takes_the_place_of_a_name():
    counts = counts_of("conv", 8, 2, 4, 3)
    target = hardware("asic-45nm")
    free = dataclasses.replace(target, name="free", memory=None)
    assert estimate(counts, free) == estimate(counts, "asic-45nm-arithmetic")
    assert hardware(free) is free


def test_unknown_target_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"asic-45nm, .*rv32i.*Received: 'abacus'"):
        hardware("abacus")


def test_something_else_is_no_target():
    with pytest.raises(TypeError, match="`target`"):
        hardware(45)
