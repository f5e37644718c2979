import json
from pathlib import Path

import keras
import numpy as np
import pytest
import search_cifar


def test_augmentation_keeps_pixels_and_channels_together(rng: np.random.Generator) -> None:
    place = np.arange(1.0, 65.0).reshape(1, 8, 8, 1)
    x = np.concatenate([place, 1000 + place], axis=-1).repeat(50, axis=0)
    y = search_cifar.augment(x, rng)
    assert y.shape == x.shape
    inside = y[..., 0] > 0
    np.testing.assert_array_equal(y[inside][:, 1], 1000 + y[inside][:, 0])
    steps = np.diff(y[..., 0], axis=2)[inside[:, :, 1:] & inside[:, :, :-1]]
    assert set(np.unique(steps)) == {-1.0, 1.0}  # mirrored and not


@pytest.mark.skipif(
    keras.backend.backend() != "torch", reason="PyTorch does not compile the supernet first"
)
def test_a_search_over_a_file_ends_with_a_tested_network(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(0)
    y = np.arange(120) % 2
    x = rng.normal(size=(120, 12, 12, 1)) + y[:, None, None, None]
    np.savez(tmp_path / "images.npz", x=x, y=y)
    arguments = ["--data", str(tmp_path / "images.npz"), "--quick", "--batch", "32"]
    search_cifar.main([*arguments, "--output", str(tmp_path / "out")])
    assert "Test accuracy" in capsys.readouterr().out
    project = tmp_path / "out" / "images-seed0"
    front = json.loads((project / "pareto.json").read_text())
    assert json.loads((project / "architecture.json").read_text()) in [
        record["architecture"] for record in front
    ]
    assert (project / "winner.keras").exists()
