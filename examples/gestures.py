"""Smartwatch gestures: recordings of people, cut into windows, split so that no person is shared.

140 recordings of 7 shoulder exercises by 10 people: three axes of an accelerometer and three of a
gyroscope, 50 Hz. They come inside PyPI's `seglearn` (BSD-3; Burns et al., 2018, "Shoulder
physiotherapy exercise recognition"), as one NumPy file.
"""

import importlib.metadata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

WINDOW = 128  # samples: 2.56 s
TEST_STEP = 64  # windows overlap by half: 3,605 of them, the count used in comparisons
TRAIN_STEP = 32  # more overlap is free augmentation
FOLDS = 3


@dataclass(frozen=True)
class Recordings:
    """Series `(samples, 6)` of different lengths; exercise and person of each; exercise names."""

    series: list[np.ndarray]
    exercises: np.ndarray
    people: np.ndarray
    names: list[str]


def packaged_file(package: str, name: str) -> Path:
    """Finds a file of an installed package.

    Raises:
        ImportError: If the package is not installed.
        FileNotFoundError: If it has no such file.
    """
    try:
        files = importlib.metadata.files(package) or []
    except importlib.metadata.PackageNotFoundError:
        raise ImportError(
            f"The data come with the package {package}, which is not installed. "
            f"Install it: pip install {package}"
        ) from None
    for file in files:
        if file.name == name:
            return Path(str(file.locate()))
    raise FileNotFoundError(f"The installed {package} has no file {name}. Install it again.")


def load_recordings() -> Recordings:
    """Reads the recordings without importing seglearn, whose own imports are not needed here."""
    content = np.load(packaged_file("seglearn", "watch_dataset.npy"), allow_pickle=True).item()
    return Recordings(
        series=[np.asarray(series, np.float32) for series in content["X"]],
        exercises=np.asarray(content["y"], np.int64),
        people=np.asarray(content["subject"], np.int64),
        names=[str(name) for name in content["y_labels"]],
    )


def cut_windows(
    recordings: Recordings, people: Sequence[int] | np.ndarray, step: int
) -> tuple[np.ndarray, np.ndarray]:
    """Cuts windows `(count, WINDOW, 6)` and their exercises from the recordings of `people`."""
    windows, exercises = [], []
    for series, exercise, person in zip(
        recordings.series, recordings.exercises, recordings.people, strict=True
    ):
        if person in people:
            for start in range(0, len(series) - WINDOW + 1, step):
                windows.append(series[start : start + WINDOW])
                exercises.append(exercise)
    return np.stack(windows), np.asarray(exercises)


def test_people(people: np.ndarray) -> list[np.ndarray]:
    """The people whom each fold is tested on; it trains on all others.

    Windows of one person look alike, so a random split of windows would measure memory, not
    recognition. The split is fixed: people 1, 4, 7, 10; 2, 5, 8; 3, 6, 9.
    """
    everyone = np.unique(people)
    return [everyone[fold::FOLDS] for fold in range(FOLDS)]


def turn_and_scale(windows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Turns each window by some degrees in space and scales it, as another wearer would.

    Few people are in the training data, and everyone straps the watch on a little differently
    and moves with other vigour. Accelerometer and gyroscope sit on one chip: they turn together.
    """
    count = len(windows)
    axis = rng.normal(size=(count, 3))
    axis /= np.linalg.norm(axis, axis=1, keepdims=True)
    angle = np.deg2rad(rng.normal(scale=10.0, size=(count, 1, 1)))
    # Rodrigues' formula: the rotation about `axis` by `angle`.
    cross = np.cross(axis[:, None, :], np.eye(3)[None])
    turn = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * (cross @ cross)
    vigour = np.exp(rng.normal(scale=0.1, size=(count, 1, 1)))
    turned = np.concatenate([windows[..., :3] @ turn, windows[..., 3:] @ turn], axis=-1)
    return (turned * vigour).astype(np.float32)
