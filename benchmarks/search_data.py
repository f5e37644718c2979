"""The data of the search benchmarks: gestures, keywords, or any .npz file.

No person, and no speaker, is in two of the three parts. Nothing is chosen on the test part.
"""

import pathlib
import re
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import keras
import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "examples"))
import gestures

Augmentation = Callable[[np.ndarray, np.random.Generator], np.ndarray]

NAMES = ("gestures", "keywords")
# A frame of 40 ms every 20 ms, as in MLPerf Tiny; at 8 kHz a second makes 49 of them.
RATE, FRAME, HOP, FFT, BANDS = 8000, 320, 160, 512, 20
LIMITS, FLOOR = (60.0, 3800.0), 1e-4  # of the bands, in Hz; added before the logarithm
SPEAKER = re.compile(r"([0-9a-f]{8})_nohash")


@dataclass(frozen=True)
class Data:
    """Three parts, channels standardised with mean and deviation of the training part."""

    name: str
    x_train: np.ndarray
    y_train: np.ndarray
    x_val: np.ndarray
    y_val: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    classes: int
    augment: Augmentation | None = None
    names: tuple[str, ...] = ()
    mean: np.ndarray | None = None
    deviation: np.ndarray | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of a sample."""
        return self.x_train.shape[1:]

    def sizes(self) -> dict[str, int]:
        """How many samples each part has."""
        return {
            "train": len(self.x_train),
            "validation": len(self.x_val),
            "test": len(self.x_test),
        }


class Batches(keras.utils.PyDataset):
    """Full batches of the training part, shuffled and augmented anew in each epoch.

    Each `fit` that is given new batches of the same seed sees the same samples in the same order.
    """

    def __init__(self, data: Data, batch: int, seed: int) -> None:
        super().__init__()
        self.data, self.batch, self.rng = data, batch, np.random.default_rng(seed)
        self.on_epoch_end()

    def __len__(self) -> int:
        return max(1, len(self.data.x_train) // self.batch)

    def on_epoch_end(self) -> None:
        """Prepares the next epoch."""
        order = self.rng.permutation(len(self.data.x_train))
        self.x, self.y = self.data.x_train[order], self.data.y_train[order]
        if self.data.augment is not None:
            self.x = self.data.augment(self.x, self.rng)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        part = slice(index * self.batch, (index + 1) * self.batch)
        return self.x[part], self.y[part]


def load(name: str = "gestures", path: pathlib.Path | None = None, fold: int = 0) -> Data:
    """Loads a data set.

    Args:
        name: `"gestures"`, `"keywords"`, or any name for another .npz file.
        path: The .npz file; not needed for gestures. Keywords are Speech Commands at 8 kHz:
            `audio` (clips, 8000) as mu-law codes (int8) or numbers of [-1, 1], `label`, `name` with
            the speaker in it, and perhaps `classes`, names for labels from 0 up. Any other file
            holds `x` (samples, steps, channels) or (samples, rows, columns, channels), `y`, and
            perhaps `group`: samples of one group stay together.
        fold: 0, 1 or 2: which people, speakers or samples the test is made of.
    """
    if fold not in (0, 1, 2):
        raise ValueError(f"`fold` must be 0, 1 or 2. Received: {fold}")
    if path is None and name != "gestures":
        raise ValueError(f"{name!r} needs an .npz file: --data FILE.")
    if path is None:
        return _gestures(fold)
    arrays = _read(path)
    if name == "keywords":
        return _keywords(arrays, path, fold)
    _require(arrays, ("x", "y"), path)
    groups = arrays.get("group", np.arange(len(arrays["y"])))
    x = np.asarray(arrays["x"], np.float32)
    return _split(name, x, arrays["y"], groups, fold, None)


def load_seeds(
    name: str, path: pathlib.Path | None, seeds: list[int]
) -> Iterator[tuple[int, Data]]:
    """A seed and the data of its fold: three seeds in a row are tested on three parts."""
    for seed in seeds:
        yield seed, load(name, path, seed % 3)


def log_mel(audio: np.ndarray) -> np.ndarray:
    """Logarithms of the energy in mel bands: (clips, samples) to (clips, frames, bands)."""
    frames = np.lib.stride_tricks.sliding_window_view(audio, FRAME, axis=1)[:, ::HOP]
    window = np.hanning(FRAME).astype(np.float32)
    filters = _mel_filters()
    energy = [
        np.abs(np.fft.rfft(part * window, FFT)).astype(np.float32) ** 2 @ filters
        for part in np.array_split(frames, -(-len(frames) // 256))
    ]
    return np.log(np.concatenate(energy) + FLOOR)


def _mel_filters() -> np.ndarray:
    """Triangles between the limits, equally wide in mel."""
    places = np.linspace(*(2595 * np.log10(1 + np.array(LIMITS) / 700)), BANDS + 2)
    edges = 700 * (10 ** (places / 2595) - 1)
    bins = np.fft.rfftfreq(FFT, 1 / RATE)[:, None]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    return np.maximum(0, np.minimum(rising, falling)).astype(np.float32)


def _shift_and_hide(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Shifts each spectrogram by up to 0.1 s, and hides some frames and some bands."""
    steps, bands = x.shape[1:]
    places = np.arange(steps) + rng.integers(-5, 6, (len(x), 1))
    x = x[np.arange(len(x))[:, None], np.clip(places, 0, steps - 1)]
    for axis, size, most in ((1, steps, 10), (2, bands, 4)):
        width = rng.integers(0, most + 1, (len(x), 1))
        start = rng.integers(0, size - width + 1)
        hidden = (np.arange(size) >= start) & (np.arange(size) < start + width)
        x = np.where(np.expand_dims(hidden, 3 - axis), np.float32(0), x)
    return x


def _keywords(arrays: dict[str, np.ndarray], path: pathlib.Path, fold: int) -> Data:
    _require(arrays, ("audio", "label", "name"), path)
    audio = arrays["audio"]
    if audio.dtype == np.int8:
        codes = audio.astype(np.float32)
        audio = np.sign(codes) * (256.0 ** (np.abs(codes) / 127) - 1) / 255
    speakers = []
    for name in arrays["name"]:
        found = SPEAKER.search(str(name))
        speakers.append(found[1] if found else str(name))  # silence has no speaker
    x, y = log_mel(np.asarray(audio, np.float32)), arrays["label"]
    data = _split("keywords", x, y, np.asarray(speakers), fold, _shift_and_hide)
    if "classes" not in arrays or y.dtype.kind not in "iu":
        return data
    return replace(data, names=tuple(str(arrays["classes"][int(name)]) for name in data.names))


def _split(
    name: str,
    x: np.ndarray,
    y: np.ndarray,
    groups: np.ndarray,
    fold: int,
    augment: Augmentation | None,
) -> Data:
    """A fifth of the groups for the test, a fifth for validation, the others for training."""
    names, labels = np.unique(y, return_inverse=True)
    kinds, members = np.unique(groups, return_inverse=True)
    part = (np.random.default_rng(0).permutation(len(kinds)) % 5)[members]
    test, validation = part == fold, part == (fold + 1) % 5
    train = ~(test | validation)
    mean, deviation = _statistics(x[train])
    x = ((x - mean) / deviation).astype(np.float32)
    arrays = [a[rows] for rows in (train, validation, test) for a in (x, labels)]
    return Data(
        name,
        *arrays,
        classes=len(names),
        augment=augment,
        names=tuple(map(str, names)),
        mean=mean,
        deviation=deviation,
    )


def _gestures(fold: int) -> Data:
    recordings = gestures.load_recordings()
    test = gestures.test_people(recordings.people)[fold]
    others = np.setdiff1d(recordings.people, test)
    validation = others[1::3]
    train = np.setdiff1d(others, validation)
    parts = [
        gestures.cut_windows(recordings, people, step)
        for people, step in (
            (train, gestures.TRAIN_STEP),
            (validation, gestures.TEST_STEP),
            (test, gestures.TEST_STEP),
        )
    ]
    mean, deviation = _statistics(parts[0][0])

    def augment(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        turned = gestures.turn_and_scale(x * deviation + mean, rng)
        return ((turned - mean) / deviation).astype(np.float32)

    arrays = []
    for x, y in parts:
        arrays += [((x - mean) / deviation).astype(np.float32), y]
    return Data(
        "gestures",
        *arrays,
        classes=len(recordings.names),
        augment=augment,
        names=tuple(recordings.names),
        mean=mean,
        deviation=deviation,
    )


def _statistics(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    axes = tuple(range(x.ndim - 1))
    deviation = x.std(axes, dtype=np.float64)
    mean = x.mean(axes, dtype=np.float64).astype(np.float32)
    return mean, np.where(deviation > 0, deviation, 1.0).astype(np.float32)


def _read(path: pathlib.Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as content:
            return {key: content[key] for key in content.files}
    except (ValueError, AttributeError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} must be an .npz file of plain arrays. {error}") from error


def _require(arrays: dict[str, np.ndarray], names: tuple[str, ...], path: pathlib.Path) -> None:
    if not set(names) <= arrays.keys():
        raise ValueError(f"{path} must hold {', '.join(names)}. Received: {', '.join(arrays)}")
