import gzip
from pathlib import Path

import demo_data
import keras
import numpy as np
import pytest


def save(path: Path, **arrays: np.ndarray) -> str:
    file = path / "own.npz"
    np.savez(file, **arrays)
    return str(file)


def test_standardisation_uses_the_training_samples_only(rng: np.random.Generator) -> None:
    train = rng.normal([1.0, -5.0], [2.0, 0.1], size=(50, 20, 2))
    fold = demo_data.Fold(train, np.zeros(50), 1000 * train[:5], np.zeros(5))
    standard = fold.standardise(train)
    np.testing.assert_allclose(standard.mean((0, 1)), 0, atol=1e-4)
    np.testing.assert_allclose(standard.std((0, 1)), 1, rtol=1e-4)
    expected = (fold.x_test - train.mean((0, 1))) / train.std((0, 1))
    np.testing.assert_allclose(fold.standardise(fold.x_test), expected, rtol=1e-4)


def test_a_constant_channel_stays_finite() -> None:
    fold = demo_data.Fold(np.ones((4, 3, 1)), np.zeros(4), np.ones((1, 3, 1)), np.zeros(1))
    np.testing.assert_array_equal(fold.standardise(fold.x_test), 0)


def test_the_inner_fold_holds_back_a_fifth_of_the_training_samples() -> None:
    x = np.arange(50.0)[:, None, None]
    fold = demo_data.Fold(x, np.arange(50), -x[:5], np.zeros(5))
    inner = fold.inner(seed=0)
    assert (len(inner.x_train), len(inner.x_test)) == (40, 10)
    np.testing.assert_array_equal(
        np.sort(np.concatenate([inner.y_train, inner.y_test])), np.arange(50)
    )
    np.testing.assert_array_equal(inner.x_test[:, 0, 0], inner.y_test)


def test_the_inner_fold_of_gestures_shares_no_person_with_its_own_training_part() -> None:
    fold = demo_data.load("gestures", folds=1, seed=0, limit=None).folds[0]
    inner = fold.inner(seed=0)
    held = np.isin(fold.groups, [3, 8])
    np.testing.assert_array_equal(inner.x_test, fold.x_train[held])
    np.testing.assert_array_equal(inner.y_train, fold.y_train[~held])


@pytest.mark.parametrize("shape", [(20, 16, 2), (20, 8, 8, 1)])
def test_a_file_is_split_without_overlap_in_each_class(
    tmp_path: Path, shape: tuple[int, ...]
) -> None:
    x = np.arange(20.0).reshape(-1, *[1] * (len(shape) - 1)) * np.ones(shape)
    path = save(tmp_path, x=x, y=np.array(["sit", "walk"] * 10))
    data = demo_data.load(path, folds=2, seed=0, limit=None)
    assert data.classes == ["sit", "walk"]
    assert len(data.folds) == 2
    for fold in data.folds:
        train, test = np.unique(fold.x_train), np.unique(fold.x_test)
        np.testing.assert_array_equal(np.union1d(train, test), np.arange(20))
        assert not np.intersect1d(train, test).size
        np.testing.assert_array_equal(fold.y_test, fold.x_test.reshape(len(test), -1)[:, 0] % 2)
        np.testing.assert_array_equal(np.bincount(fold.y_test), [2, 2])


def test_the_same_seed_gives_the_same_split(tmp_path: Path, rng: np.random.Generator) -> None:
    path = save(tmp_path, x=rng.normal(size=(40, 8, 1)), y=np.arange(40) % 2)
    one, same, other = (
        demo_data.load(path, folds=1, seed=seed, limit=None).folds[0].x_test for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


def test_limit_bounds_the_training_samples(tmp_path: Path, rng: np.random.Generator) -> None:
    path = save(tmp_path, x=rng.normal(size=(400, 8, 1)), y=np.arange(400) % 2)
    fold = demo_data.load(path, folds=1, seed=0, limit=100).folds[0]
    assert (len(fold.x_train), len(fold.x_test)) == (100, 20)


X, Y = np.zeros((8, 16, 2)), np.arange(8) % 2


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"a": X, "y": Y}, "must hold arrays x and y. Received: a, y"),
        ({"x": X[0], "y": Y}, r"Received: shape \(16, 2\)"),
        ({"x": X[..., None, None], "y": Y}, r"Received: shape \(8, 16, 2, 1, 1\)"),
        ({"x": np.where(X == 0, np.nan, X), "y": Y}, "NaN"),
        ({"x": X.astype(complex), "y": Y}, "dtype complex128"),
        ({"x": X, "y": Y[:5]}, r"Received: shape \(5,\)"),
        ({"x": X, "y": Y * 0.5}, "an integer or a name"),
        ({"x": X, "y": np.eye(8)}, "argmax"),
        ({"x": X, "y": np.zeros(8, int)}, "at least two classes"),
        ({"x": X, "y": np.arange(8)}, "two samples each"),
        ({"x": X, "y": np.array([{}] * 8, object)}, "plain arrays"),
    ],
)
def test_an_unfit_file_is_refused(
    tmp_path: Path, arrays: dict[str, np.ndarray], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        demo_data.load(save(tmp_path, **arrays), folds=1, seed=0, limit=None)


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04 broken"])
def test_a_file_that_is_no_npz_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "own.npz"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=r"must be an \.npz file"):
        demo_data.load(str(file), folds=1, seed=0, limit=None)


def test_an_npy_file_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "own.npy", X)
    with pytest.raises(ValueError, match=r"must be an \.npz file"):
        demo_data.load(str(tmp_path / "own.npy"), folds=1, seed=0, limit=None)


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(FileNotFoundError, match="fashion_mnist"):
        demo_data.load("gesture", folds=1, seed=0, limit=None)


@pytest.mark.parametrize(("name", "folds"), [("gestures", 4), ("cifar10", 0)])
def test_an_impossible_number_of_folds_is_refused(name: str, folds: int) -> None:
    with pytest.raises(ValueError, match="--folds must be 1 to"):
        demo_data.load(name, folds=folds, seed=0, limit=None)


def test_a_failed_download_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline() -> None:
        raise Exception("URL fetch failure")

    monkeypatch.setattr(keras.datasets.cifar10, "load_data", offline)
    with pytest.raises(OSError, match=r"could not be downloaded.*URL fetch failure"):
        demo_data.load("cifar10", folds=1, seed=0, limit=None)


def test_downloaded_grey_images_get_a_channel(monkeypatch: pytest.MonkeyPatch) -> None:
    images, labels = np.zeros((9, 28, 28), np.uint8), np.arange(9, dtype=np.uint8) % 3
    monkeypatch.setattr(demo_data, "DEBIAN_FASHION_MNIST", Path("absent"))
    monkeypatch.setattr(
        keras.datasets.fashion_mnist, "load_data", lambda: ((images, labels), (images, labels))
    )
    data = demo_data.load("fashion_mnist", folds=None, seed=0, limit=None)
    assert data.folds[0].x_train.shape == (9, 28, 28, 1)
    assert data.classes == ["0", "1", "2"]


def test_idx_files_are_read(tmp_path: Path) -> None:
    values = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    header = b"\0\0\x08\x03" + np.array(values.shape, ">u4").tobytes()
    (tmp_path / "a.gz").write_bytes(gzip.compress(header + values.tobytes()))
    np.testing.assert_array_equal(demo_data.read_idx(tmp_path / "a.gz"), values)
