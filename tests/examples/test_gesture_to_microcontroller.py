import json
import random
from pathlib import Path

import gesture_to_microcontroller as demo
import numpy as np
import pytest


def save_easy_series(path: Path) -> str:
    """Two classes that differ in sign."""
    rng = np.random.default_rng(0)
    y = np.arange(96) % 2
    x = rng.normal(scale=0.1, size=(96, 16, 2)) + np.where(y, 1.0, -1.0)[:, None, None]
    np.savez(path / "easy.npz", x=x, y=y)
    return str(path / "easy.npz")


# `make demo` runs it on TensorFlow.
@pytest.mark.once
def test_the_whole_way_from_a_file_of_series(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out"
    demo.main(["--data", save_easy_series(tmp_path), "--quick", "--output", str(output)])
    printed = capsys.readouterr().out
    assert "accuracy, int8 in tflite-micro" in printed
    assert "instructions an inference, rv32i" in printed
    assert "not meaningful" in printed
    assert printed.count("With ordinary convolutions") == 2
    assert sorted(file.name for file in output.iterdir()) == [
        "confusion.png",
        "fold1",
        "report.txt",
        "training.png",
    ]
    assert sorted(file.name for file in (output / "fold1").iterdir()) == [
        "architecture.json",
        "energy.png",
        "hybrid.keras",
        "hybrid.tflite",
        "hybrid_cortex-m4",
        "hybrid_rv32i",
        "ranges.png",
        "search",
        "search.png",
        "twin.keras",
        "twin.tflite",
        "twin_cortex-m4",
        "twin_rv32i",
    ]
    for picture in ("confusion.png", "training.png", "fold1/search.png"):
        assert (output / picture).read_bytes().startswith(b"\x89PNG")
    assert (output / "report.txt").read_text() in printed
    assert sorted(file.name for file in tmp_path.iterdir()) == ["easy.npz", "out"]
    winner = json.loads((output / "fold1" / "architecture.json").read_text())
    operators = {block["operator"] for stage in winner["stages"] for block in stage["blocks"]}
    assert operators <= {"conv", "shift", "adder"}


@pytest.mark.parametrize("shape", [(128, 6), (28, 28, 1), (8, 8, 1), (5, 1)])
def test_the_twin_differs_in_its_operators_only(shape: tuple[int, ...]) -> None:
    space = demo.make_space(shape, 7, quick=False)
    architecture = space.sample(random.Random(0))
    hybrid, twin = map(space.build, (architecture, demo.twin_of(architecture)))
    operators = [getattr(layer, "operator", None) for layer in hybrid.layers]
    assert {"shift", "adder"} & set(operators)
    assert [layer.output.shape for layer in hybrid.layers] == [
        layer.output.shape for layer in twin.layers
    ]
    assert hybrid.count_params() == twin.count_params()
    assert not any(hasattr(layer, "operator") for layer in twin.layers)


def test_a_budget_that_no_network_keeps_ends_with_the_cheapest_cost(tmp_path: Path) -> None:
    arguments = ["--quick", "--budget", "0.000001", "--output", str(tmp_path / "out")]
    with pytest.raises(SystemExit) as stopped:
        demo.main(["--data", save_easy_series(tmp_path), *arguments])
    assert "instructions" in str(stopped.value.code)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "absent.npz"], "no such file"),
        (["--epochs", "0"], "--epochs must be at least 1"),
        (["--trials", "0"], "--trials must be at least 1"),
        (["--budget", "-1"], "--budget must be above 0"),
        (["--folds", "9"], "--folds must be 1 to 3"),
        (["--limit", "-1"], "--limit must be at least 0"),
    ],
)
def test_a_wrong_argument_ends_with_one_message(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out"
    with pytest.raises(SystemExit) as stopped:
        demo.main([*arguments, "--output", str(output)])
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err
    assert not output.exists()


def test_an_output_that_is_a_file_ends_with_one_message(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out").write_text("")
    data = save_easy_series(tmp_path)
    with pytest.raises(SystemExit):
        demo.main(["--data", data, "--output", str(tmp_path / "out")])
    assert "out" in capsys.readouterr().err
