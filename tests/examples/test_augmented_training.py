from pathlib import Path

import augmented_training
import keras
import numpy as np
import pytest


@pytest.mark.skipif(
    keras.backend.backend() != "torch", reason="PyTorch does not compile the wide networks first"
)
def test_both_trainings_end_with_a_network_of_the_same_kind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(0)
    y = np.arange(120) % 2
    x = rng.normal(size=(120, 16, 2)) + y[:, None, None]
    np.savez(tmp_path / "series.npz", x=x, y=y)
    output = tmp_path / "out"
    augmented_training.main(
        ["--data", str(tmp_path / "series.npz"), "--quick", "--width", "4", "--output", str(output)]
    )
    printed = capsys.readouterr().out
    assert "plain: test accuracy" in printed
    assert "augmented: test accuracy" in printed
    models = [keras.saving.load_model(output / f"{n}.keras") for n in ("plain", "augmented")]
    shapes = [[v.shape for v in model.variables] for model in models]
    assert shapes[0] == shapes[1]
    for picture in ("training.png", "energy.png", "ranges.png"):
        assert (output / picture).stat().st_size > 1000
