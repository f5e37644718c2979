"""The printed summary and its data."""

import json

import keras
import pytest

import keras_shiftadd as ksa

layers = keras.layers
# Values do not matter here, and random ones take JAX a compilation for each shape.
PLAIN = {"use_bias": False, "kernel_initializer": "ones"}


def hybrid_model():
    return keras.Sequential(
        [
            keras.Input((16, 16, 3)),
            layers.Conv2D(8, 3, padding="same", **PLAIN, name="first"),
            layers.BatchNormalization(name="norm"),
            ksa.layers.ShiftConv2D(16, 3, padding="same", **PLAIN, name="middle"),
            ksa.layers.AdderConv2D(16, 3, padding="same", **PLAIN, name="last"),
            layers.BatchNormalization(name="norm_of_last"),
            layers.GlobalAveragePooling2D(name="pool"),
            layers.Dense(4, kernel_initializer="ones", name="head"),
        ],
        name="hybrid",
    )


def ordinary_model():
    return keras.Sequential(
        [
            keras.Input((16, 16, 3)),
            layers.Conv2D(8, 3, padding="same", **PLAIN),
            layers.BatchNormalization(),
            layers.Conv2D(16, 3, padding="same", **PLAIN),
            layers.Conv2D(16, 3, padding="same", **PLAIN),
            layers.BatchNormalization(),
            layers.GlobalAveragePooling2D(),
            layers.Dense(4, kernel_initializer="ones"),
        ]
    )


@pytest.fixture(scope="module")
def data():
    return ksa.summary(hybrid_model(), verbose=False)


def test_twin_is_the_same_architecture_with_ordinary_layers(data):
    assert data.twin == ksa.summary(ordinary_model(), verbose=False).totals


def test_model_of_ordinary_layers_is_its_own_twin():
    ordinary = ksa.summary(ordinary_model(), verbose=False)
    assert ordinary.totals == ordinary.twin
    assert ordinary.ratio("energy_nj") == 1.0
    assert ordinary.ratio("shift") is None


def test_totals_are_the_sums_of_the_rows(data):
    added = ("parameters", "size_bytes", "multiply", "add", "shift", "energy_nj", "memory_nj")
    for figure in (*added, "flash"):
        total = sum(getattr(row, figure) for row in data.rows)
        assert getattr(data.totals, figure) == pytest.approx(total)


def test_size_takes_shift_kernels_at_their_own_bits(data):
    shift = 3 * 3 * 8 * 16
    others = data.totals.parameters - shift
    assert data.totals.size_bytes == pytest.approx((shift * 5 + others * 8) / 8)
    assert data.twin.size_bytes == data.twin.parameters


def test_ratio_compares_with_the_twin(data):
    assert data.ratio("energy_nj") == data.totals.energy_nj / data.twin.energy_nj
    assert data.ratio("energy_nj") < 0.5
    with pytest.raises(ValueError, match="`figure`"):
        data.ratio("latency")


def test_data_survives_json(data):
    copy = json.loads(json.dumps(data.to_dict()))
    assert copy == data.to_dict()
    assert copy["rows"][2]["name"] == "middle"
    assert copy["rows"][2]["weight_bits"] == [5]
    assert copy["ratios"]["energy_nj"] == data.ratio("energy_nj")


def test_table_has_a_row_a_layer_totals_twin_and_units(data, capsys):
    ksa.summary(hybrid_model())
    printed = capsys.readouterr().out
    assert printed == f"{data}\n"
    lines = {line.split()[0]: line for line in printed.splitlines() if line.split()}
    assert lines["middle"].split() == [
        "middle", "shift", "16x16x16", "1.15k", "5", "0.70", "0", "295k", "295k", "15.9", "2.48",
        "6.00",
    ]  # fmt: skip
    assert lines["norm"].split()[1:3] == ["BatchNormalization", "16x16x8"]
    assert {"Total", "With", "Ratio"} <= set(lines)
    assert lines["Layer"].split()[-4:] == ["nJ", "Mem", "uJ", "RAM"]
    assert "On asic-45nm, an inference: " in printed


@pytest.mark.parametrize("target", ksa.cost.HARDWARE)
def test_table_fits_a_terminal_of_100_columns(target):
    inner = keras.Sequential(
        [keras.Input((128, 128, 64)), layers.SeparableConv2D(64, 3, name="n" * 60)], name="m" * 60
    )
    inputs = keras.Input((128, 128, 64))
    x = layers.GlobalAveragePooling2D(name="g" * 70)(layers.LayerNormalization()(inner(inputs)))
    model = keras.Model(inputs, x)
    bits = max(ksa.cost.hardware(target).word_bits)
    text = str(ksa.summary(model, bits=bits, target=target, verbose=False))
    assert max(len(line) for line in text.splitlines()) <= 100


def test_large_energies_are_in_microjoule():
    inputs = keras.Input((64, 64, 16))
    model = keras.Model(inputs, layers.Conv2D(32, 3)(inputs))
    data = ksa.summary(model, bits=32, verbose=False)
    assert data.totals.energy_nj > 10_000
    header = str(data).splitlines()[1]
    assert header.split()[-4:] == ["uJ", "Mem", "uJ", "RAM"]


def test_layers_not_counted_are_named_below_the_table():
    model = keras.Sequential([keras.Input((8, 3)), layers.GRU(4, name="memory")])
    text = str(ksa.summary(model, verbose=False))
    table, below = text.split("Not counted:")
    row = next(line for line in table.splitlines() if line.startswith("memory"))
    assert row.split()[-6:-1] == ["?"] * 5
    assert "memory (GRU)" in below


def test_print_fn_gets_the_table_once_and_nothing_else_is_printed(capsys):
    texts = []
    data = ksa.summary(ordinary_model(), print_fn=texts.append)
    assert texts == [str(data)]
    assert capsys.readouterr().out == ""


def test_verbose_false_prints_nothing(capsys):
    ksa.summary(ordinary_model(), verbose=False)
    assert capsys.readouterr().out == ""


def test_paper_accounting_favours_the_adder():
    fair = ksa.summary(hybrid_model(), verbose=False)
    paper = ksa.summary(hybrid_model(), accounting="paper", verbose=False)
    adder = 3
    assert paper.rows[adder].add == fair.rows[adder].add // 2
    assert "paper accounting" in str(paper)


def test_totals_are_the_estimate():
    counts = ksa.cost.count_operations(hybrid_model())
    for target in ksa.cost.HARDWARE:
        totals = ksa.summary(hybrid_model(), target=target, verbose=False).totals
        cost = ksa.cost.estimate(counts, target)
        assert (totals.flash, totals.ram) == (cost.flash, cost.ram)
        assert totals.instructions == pytest.approx(cost.instructions)
        energy = None
        if totals.energy_nj is not None:
            energy = pytest.approx((totals.energy_nj + (totals.memory_nj or 0)) / 1000)
        assert cost.energy_uj == energy


def test_energy_is_that_of_the_arithmetic(data):
    counts = ksa.cost.count_operations(hybrid_model())
    assert data.totals.energy_nj == pytest.approx(ksa.cost.energy_pj(counts) / 1000)


def test_processor_shows_instructions_in_the_place_of_energies():
    data = ksa.summary(hybrid_model(), target="cortex-m4", verbose=False)
    header = str(data).splitlines()[1]
    assert header.split()[-2:] == ["Instr", "RAM"]
    assert "nJ" not in header
    assert data.ratio("energy_nj") is None
    assert data.ratio("instructions") < 1


def test_target_without_memory_says_so():
    text = str(ksa.summary(ordinary_model(), target="fpga-zc706", verbose=False))
    assert "Mem uJ" not in text
    assert "memory traffic not included" in text


def test_paper_accounting_of_a_processor_is_refused():
    with pytest.raises(ValueError, match="'cortex-m0'"):
        ksa.summary(ordinary_model(), accounting="paper", target="cortex-m0")


@pytest.mark.parametrize("arguments", [{"bits": 7}, {"accounting": "mine"}, {"target": "abacus"}])
def test_unknown_arguments_are_refused(arguments):
    (name,) = arguments
    with pytest.raises(ValueError, match=name):
        ksa.summary(ordinary_model(), **arguments)
