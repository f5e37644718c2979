"""The accuracy benchmark reads CIFAR in both forms, and prints and draws its figures."""

import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "benchmarks"
sys.path.insert(0, str(FOLDER))

pytestmark = pytest.mark.once


def run_of(test, energy):
    return {"epochs": 3, "seconds": 9.0, "energy_uj": energy, "train": 0.9, "test": test}


@pytest.fixture
def figures(tmp_path):
    setting = {"network": "ResNet8", "alpha": 0.5, "set": "gestures", "epochs": 3}
    runs = {
        "conv": {"plain": {"0": run_of(0.8, 2.0), "1": run_of(0.9, 2.0)}},
        "adder": {
            "plain": {"0": run_of(0.7, 1.0), "1": run_of(0.8, 1.0)},
            "distilled": {"0": run_of(0.75, 1.0), "1": run_of(0.87, 1.0)},
            "own": {},
        },
    }
    file = tmp_path / "figures.json"
    file.write_text(json.dumps({"machine": {}, "setting": setting, "runs": runs}))
    return file


def test_gains_are_pairs_of_seeds_and_the_picture_is_drawn(figures, tmp_path):
    pytest.importorskip("matplotlib", reason="pip install matplotlib")
    picture = tmp_path / "figures.png"
    command = [FOLDER / "accuracy.py", "--render", figures, "--picture", picture]
    done = subprocess.run(
        [sys.executable, *map(str, command)],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    lines = done.stdout.splitlines()
    assert "| conv | plain | 2.000 | 85.0 ± 7.1 | - | - | 90.0 ± 0.0 |" in lines
    distilled = "81.0 ± 8.5 | -4.0 ± 1.4 | 6.0 ± 1.4 | 90.0 ± 0.0"
    assert f"| adder | distilled | 1.000 | {distilled} |" in lines
    assert not any("| own |" in line for line in lines)
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_cifar_is_read_from_arrays_with_a_tenth_for_validation(tmp_path, rng):
    import cifar_data

    x = rng.integers(0, 256, (60, 32, 32, 3)).astype("uint8")
    y = (np.arange(60) % 3)[:, None]
    file = tmp_path / "cifar.npz"
    np.savez(file, x_train=x, y_train=y, x_test=x[:9], y_test=y[:9])
    data = cifar_data.load(file, seed=1, limit=40)
    assert data.sizes() == {"train": 40, "validation": 6, "test": 9}
    assert (data.shape, data.classes) == ((32, 32, 3), 3)
    np.testing.assert_allclose(data.x_train.mean((0, 1, 2)), 0, atol=1e-3)
    np.testing.assert_allclose(data.x_train.std((0, 1, 2)), 1, atol=1e-3)


def test_cifar_is_read_from_mosaics(tmp_path, rng):
    image = pytest.importorskip("PIL.Image", reason="pip install pillow")
    import cifar_data

    names = [str(i) for i in range(100)]
    (tmp_path / "meta.json").write_text(json.dumps({"classes": names}))
    mosaic = rng.integers(0, 256, (3200, 1600, 3)).astype("uint8")
    for part in ("train_00", "test_00"):
        image.fromarray(mosaic).save(tmp_path / f"{part}.webp", lossless=True, method=0)
    shown, (x, y, _, _) = cifar_data._read_folder(tmp_path)
    assert shown == tuple(names)
    np.testing.assert_array_equal(x[51], mosaic[32:64, 32:64])
    assert (y[51], y[4999]) == (1, 99)


def test_moved_images_hold_a_part_of_the_image_or_of_its_mirror(rng):
    import cifar_data

    x = rng.normal(size=(16, 8, 8, 3)).astype("float32")
    moved = cifar_data.move_and_flip(x, rng)
    for before, after in zip(x, moved, strict=True):
        rows = {row.tobytes() for row in before.reshape(-1, 3)} | {np.zeros(3, "f4").tobytes()}
        assert {row.tobytes() for row in after.reshape(-1, 3)} <= rows


def test_distillation_is_the_divergence_of_softened_probabilities(rng):
    import search_training

    teacher, student = rng.normal(size=(2, 8, 5)).astype("float32")
    soft = [np.exp(x / search_training.TEMPERATURE) for x in (teacher, student)]
    p, q = (x / x.sum(-1, keepdims=True) for x in soft)
    wanted = search_training.TEMPERATURE**2 * (p * np.log(p / q)).sum(-1).mean()
    found = search_training.distillation().compute_loss(teacher, student)
    assert float(found) == pytest.approx(wanted, rel=1e-4)


def test_operators_in_turn_name_each_block_of_the_network():
    import argparse

    import accuracy_networks

    import keras_shiftadd as ksa

    for network, blocks in accuracy_networks.BLOCKS.items():
        operators = accuracy_networks.in_turn(argparse.Namespace(network=network))
        assert len(operators) == blocks
        with pytest.raises(ValueError, match=f"each of the {blocks} blocks"):
            getattr(ksa.models, network)(operators=[*operators, "conv"])


def test_convolutions_are_not_trained_in_forms_that_are_about_other_kernels():
    import argparse

    import accuracy_networks

    options = argparse.Namespace(operator=["conv", "adder"], form=accuracy_networks.FORMS)
    forms = {"conv": [], "adder": []}
    for operator, form in accuracy_networks.pairs(options):
        forms[operator].append(form)
    assert forms["adder"] == list(accuracy_networks.FORMS)
    left_out = {"conv, transport", "conv, gain", "conv, binned", "conv, none", "mixed"}
    assert set(forms["adder"]) - set(forms["conv"]) == {*left_out, "slow gradients"}
