"""The data sets of the demo, all in one form: folds of training and test samples."""

import gzip
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import gestures
import keras
import numpy as np

NAMES = ("gestures", "digits", "fashion_mnist", "cifar10", "cifar100")
DEBIAN_FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")
BATCH = 64
TEST_LIMIT = 2000  # samples; the interpreters predict one after the other
IMAGE_LIMIT = 10_000  # of the 50,000 or 60,000 downloaded ones: all would train for an hour

Augmentation = Callable[[np.ndarray, np.random.Generator], np.ndarray]


@dataclass(frozen=True)
class Fold:
    """Training and test samples: series `(samples, steps, channels)`, or images
    `(samples, rows, columns, channels)`; an augmentation; whom each training sample is of, where
    that is known; statistics of the training samples.
    """

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    augment: Augmentation | None = None
    groups: np.ndarray | None = None
    mean: np.ndarray = field(init=False)
    deviation: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        # Of the training samples only: the test samples stand for data not seen yet.
        axes = tuple(range(self.x_train.ndim - 1))
        object.__setattr__(self, "mean", self.x_train.mean(axes, dtype=np.float64))
        deviation = self.x_train.std(axes, dtype=np.float64)
        object.__setattr__(self, "deviation", np.where(deviation > 0, deviation, 1.0))

    def standardise(self, x: np.ndarray) -> np.ndarray:
        """Brings each channel to mean 0 and deviation 1 over the training samples.

        Done outside of the network: an int8 input has one scale for all channels, and would keep
        little of the acceleration (units) beside the turning rate (hundreds).
        """
        return ((x - self.mean) / self.deviation).astype(np.float32)

    def inner(self, seed: int) -> "Fold":
        """A fold of the training samples alone; its test samples serve to make choices.

        About a third of the people is held back where they are known, else a fifth of the samples.
        """
        if self.groups is not None:
            held = np.isin(self.groups, np.unique(self.groups)[1::3])
        else:
            held = np.zeros(len(self.x_train), bool)
            held[np.random.default_rng(seed).permutation(len(held))[: max(1, len(held) // 5)]] = (
                True
            )
        return Fold(
            self.x_train[~held],
            self.y_train[~held],
            self.x_train[held],
            self.y_train[held],
            self.augment,
        )


class AugmentedBatches(keras.utils.PyDataset):
    """Batches of the training samples, shuffled and augmented anew in each epoch."""

    def __init__(self, fold: Fold, seed: int) -> None:
        super().__init__()
        self.fold, self.rng = fold, np.random.default_rng(seed)
        self.on_epoch_end()

    def __len__(self) -> int:
        return -(-len(self.fold.x_train) // BATCH)

    def on_epoch_end(self) -> None:
        """Prepares the next epoch."""
        order = self.rng.permutation(len(self.fold.x_train))
        x = self.fold.x_train[order]
        if self.fold.augment is not None:
            x = self.fold.augment(x, self.rng)
        self.x, self.y = self.fold.standardise(x), self.fold.y_train[order]

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        batch = slice(index * BATCH, (index + 1) * BATCH)
        return self.x[batch], self.y[batch]


@dataclass(frozen=True)
class Data:
    """A data set: its name, how it was split, its class names and its folds."""

    name: str
    split: str
    classes: list[str]
    folds: list[Fold]


def load(name: str, folds: int | None, seed: int, limit: int | None) -> Data:
    """Loads a data set.

    Args:
        name: One of `NAMES`, or the path of an .npz file with arrays x and y.
        folds: How many folds; None for all three of gestures, one of other data.
        seed: Seed of random splits and of choices where there are too many samples.
        limit: Largest number of training samples; 0 for all; None for all, but `IMAGE_LIMIT` of
            the downloaded image sets.

    Raises:
        ValueError: If the data or the number of folds does not fit.
        OSError: If a file is missing or cannot be downloaded.
        ImportError: If the package that holds the data is not installed.
    """
    if name == "gestures":
        data = _gestures(folds)
    elif name == "digits":
        x, y = _digits()
        data = _random_splits(name, x, y, folds, seed)
    elif name in NAMES:
        data = _own_split(name, folds)
        limit = IMAGE_LIMIT if limit is None else limit
    else:
        x, y = read_npz(Path(name))
        data = _random_splits(Path(name).stem, x, y, folds, seed)
    chosen = [_limited(fold, limit or None, np.random.default_rng(seed)) for fold in data.folds]
    return replace(data, folds=chosen)


def read_npz(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Reads x and y from an .npz file and checks that a network can learn from them.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is not an .npz file, or its arrays do not fit.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"--data must be one of {', '.join(NAMES)}, or an .npz file. "
            f"There is no such file: {path}"
        )
    try:
        with np.load(path, allow_pickle=False) as content:
            arrays = {key: content[key] for key in content.files}
    except (ValueError, OSError, EOFError, AttributeError, TypeError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} must be an .npz file of plain arrays. {error}") from error
    if not {"x", "y"} <= arrays.keys():
        raise ValueError(
            f"{path} must hold arrays x and y. Received: {', '.join(arrays) or 'no arrays'}. "
            "Write it with np.savez(path, x=..., y=...)."
        )
    x, y = arrays["x"], arrays["y"]
    if x.ndim not in (3, 4):
        raise ValueError(
            "x must be (samples, steps, channels) or (samples, rows, columns, channels). "
            f"Received: shape {x.shape}. For one channel save x[..., None]."
        )
    if x.dtype.kind not in "biuf" or not np.isfinite(x).all():
        raise ValueError(
            "x must hold finite numbers. Received: "
            + (f"dtype {x.dtype}." if x.dtype.kind not in "biuf" else "NaN or infinite entries.")
        )
    if y.shape != (len(x),) or y.dtype.kind not in "biuU":
        raise ValueError(
            "y must hold one class a sample, an integer or a name. "
            f"Received: shape {y.shape} of dtype {y.dtype} for {len(x)} samples. "
            "For one-hot rows save y.argmax(axis=1)."
        )
    names, counts = np.unique(y, return_counts=True)
    if len(names) < 2 or counts.min() < 2:
        few = ", ".join(f"{n}: {c}" for n, c in zip(names[:5], counts[:5], strict=True))
        raise ValueError(
            "y must hold at least two classes of at least two samples each. "
            f"Received: {len(names)} classes ({few})."
        )
    return x.astype(np.float32), y


def _gestures(folds: int | None) -> Data:
    _check_folds(folds, gestures.FOLDS)
    recordings = gestures.load_recordings()
    result, parts = [], []
    for people in gestures.test_people(recordings.people)[:folds]:
        others = np.setdiff1d(recordings.people, people)
        cut = [gestures.cut_windows(recordings, [p], gestures.TRAIN_STEP) for p in others]
        result.append(
            Fold(
                np.concatenate([windows for windows, _ in cut]),
                np.concatenate([exercises for _, exercises in cut]),
                *gestures.cut_windows(recordings, people, gestures.TEST_STEP),
                augment=gestures.turn_and_scale,
                groups=np.repeat(others, [len(windows) for windows, _ in cut]),
            )
        )
        parts.append(", ".join(map(str, people)))
    split = f"tested on people {' / '.join(parts)}, each fold trained on all other people"
    return Data("gestures", split, recordings.names, result)


def _digits() -> tuple[np.ndarray, np.ndarray]:
    """The 1,797 digits of scikit-learn, 64 pixels and a class a line; without importing it."""
    path = gestures.packaged_file("scikit-learn", "digits.csv.gz")
    with gzip.open(path, "rt") as lines:
        table = np.loadtxt(lines, np.float32, delimiter=",")
    return table[:, :64].reshape(-1, 8, 8, 1), table[:, 64].astype(np.int64)


def _own_split(name: str, folds: int | None) -> Data:
    """A data set that has a test split of its own; further folds repeat it with other seeds."""
    _check_folds(folds, 10)
    if name == "fashion_mnist" and DEBIAN_FASHION_MNIST.is_dir():
        parts = [
            read_idx(DEBIAN_FASHION_MNIST / f"{part}-{kind}-ubyte.gz")
            for part in ("train", "t10k")
            for kind in ("images-idx3", "labels-idx1")
        ]
    else:
        try:
            train, test = getattr(keras.datasets, name).load_data()
        except Exception as error:  # Keras raises a bare Exception where a download fails.
            raise OSError(
                f"{name} could not be downloaded by keras.datasets: {error}. Is there a network? "
                "--data gestures and --data digits need none."
            ) from error
        parts = [*train, *test]
    x_train, y_train, x_test, y_test = (np.asarray(part) for part in parts)
    if x_train.ndim == 3:
        x_train, x_test = x_train[..., None], x_test[..., None]
    fold = Fold(
        x_train.astype(np.float32), y_train.ravel(), x_test.astype(np.float32), y_test.ravel()
    )
    classes = [str(label) for label in range(int(y_train.max()) + 1)]
    return Data(name, "the data set's own test samples", classes, [fold] * (folds or 1))


def read_idx(path: Path) -> np.ndarray:
    """Reads a gzipped IDX file, the format of MNIST: two zeros, dtype, rank, sizes, bytes."""
    content = gzip.decompress(path.read_bytes())
    if content[:3] != b"\0\0\x08":
        raise ValueError(f"{path} must be a gzipped IDX file of bytes.")
    rank = content[3]
    sizes = np.frombuffer(content, ">u4", rank, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * rank).reshape(sizes)


def _random_splits(name: str, x: np.ndarray, y: np.ndarray, folds: int | None, seed: int) -> Data:
    """Holds a random quarter of each class back for the test, another one in each fold."""
    _check_folds(folds, 10)
    names, labels = np.unique(y, return_inverse=True)
    rng = np.random.default_rng(seed)
    result = []
    for _ in range(folds or 1):
        test = np.zeros(len(x), bool)
        for label in range(len(names)):
            members = rng.permutation(np.flatnonzero(labels == label))
            test[members[: max(1, len(members) // 4)]] = True
        result.append(Fold(x[~test], labels[~test], x[test], labels[test]))
    return Data(name, "a random quarter held back", [str(n) for n in names], result)


def _check_folds(folds: int | None, most: int) -> None:
    if folds is not None and not 1 <= folds <= most:
        raise ValueError(f"--folds must be 1 to {most} for this data. Received: {folds}.")


def _limited(fold: Fold, limit: int | None, rng: np.random.Generator) -> Fold:
    """At most `limit` samples for training and `TEST_LIMIT`, or a tenth of `limit`, to test."""

    def choose(count: int, most: int | None) -> np.ndarray:
        if most is None or count <= most:
            return np.arange(count)
        return np.sort(rng.permutation(count)[:most])

    train = choose(len(fold.x_train), limit)
    test = choose(len(fold.x_test), min(TEST_LIMIT, max(20, limit // 10)) if limit else TEST_LIMIT)
    return Fold(
        fold.x_train[train],
        fold.y_train[train],
        fold.x_test[test],
        fold.y_test[test],
        fold.augment,
        None if fold.groups is None else fold.groups[train],
    )
