"""CIFAR-100 from an .npz file or a folder of mosaics, for `accuracy.py`.

The .npz file holds `x_train`, `y_train`, `x_test`, `y_test`, or a folder holds `train_*.webp` and
`test_*.webp`: mosaics of 5,000 images, 50 columns by 100 rows, sorted by class, each class as often
as the others; `meta.json` names the `classes`.
"""

import json
import pathlib

import numpy as np
from search_data import Data

_SIZE, _COLUMNS, _PIXELS = 5000, 50, 32


def load(path: pathlib.Path, seed: int = 0, limit: int | None = None) -> Data:
    """Loads images, a tenth of the training part for validation, chosen by the seed.

    Args:
        path: The .npz file or the folder.
        seed: Which tenth.
        limit: The most training images; None takes all.
    """
    if path.is_dir():
        names, arrays = _read_folder(path)
    else:
        names, arrays = _read_file(path)
    x, y, x_test, y_test = arrays
    order = np.random.default_rng(seed).permutation(len(x))
    validation, train = order[: len(x) // 10], order[len(x) // 10 :][:limit]
    pixels = x[train].astype(np.float32)
    mean = pixels.mean((0, 1, 2))
    deviation = pixels.std((0, 1, 2))

    def prepare(images: np.ndarray) -> np.ndarray:
        return ((images.astype(np.float32) - mean) / deviation).astype(np.float32)

    return Data(
        "cifar100",
        prepare(x[train]),
        y[train],
        prepare(x[validation]),
        y[validation],
        prepare(x_test),
        y_test,
        classes=int(y.max()) + 1,
        augment=move_and_flip,
        names=names,
        mean=mean,
        deviation=deviation,
    )


def move_and_flip(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Moves each image by up to 4 pixels, and mirrors one in two."""
    count, rows, columns = images.shape[:3]
    padded = np.pad(images, ((0, 0), (4, 4), (4, 4), (0, 0)))
    top, left = rng.integers(0, 9, (2, count, 1))
    down, right = top + np.arange(rows), left + np.arange(columns)
    mirrored = rng.random(count) < 0.5
    right[mirrored] = right[mirrored, ::-1]
    return padded[np.arange(count)[:, None, None], down[:, :, None], right[:, None, :]]


def _read_file(path: pathlib.Path) -> tuple[tuple[str, ...], list[np.ndarray]]:
    keys = ("x_train", "y_train", "x_test", "y_test")
    with np.load(path, allow_pickle=False) as content:
        if not set(keys) <= set(content.files):
            raise ValueError(
                f"{path} must hold {', '.join(keys)}. Received: {', '.join(content.files)}"
            )
        arrays = [content[key] for key in keys]
    arrays[1], arrays[3] = arrays[1].reshape(-1), arrays[3].reshape(-1)
    return tuple(map(str, range(int(arrays[1].max()) + 1))), arrays


def _read_folder(folder: pathlib.Path) -> tuple[tuple[str, ...], list[np.ndarray]]:
    names = tuple(json.loads((folder / "meta.json").read_text())["classes"])
    arrays = []
    for part in ("train", "test"):
        files = sorted(folder.glob(f"{part}_*.webp"))
        if not files:
            raise ValueError(f"{folder} must hold {part}_*.webp. There is none.")
        arrays.append(np.concatenate([_images(file) for file in files]))
        labels = np.repeat(np.arange(len(names)), _SIZE // len(names))
        arrays.append(np.tile(labels, len(files)))
    return names, arrays


def _images(file: pathlib.Path) -> np.ndarray:
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError("Mosaics are read by Pillow: pip install pillow") from error
    mosaic = np.asarray(Image.open(file).convert("RGB"))
    rows = mosaic.reshape(_SIZE // _COLUMNS, _PIXELS, _COLUMNS, _PIXELS, 3)
    return rows.transpose(0, 2, 1, 3, 4).reshape(-1, _PIXELS, _PIXELS, 3)
