"""The audit of files that are not whole .tflite files."""

import numpy as np
import pytest
from export_helpers import normal, sequential
from keras import layers

from keras_shiftadd import export


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    model = sequential((8, 8, 3), layers.Conv2D(4, 3), layers.Flatten(), layers.Dense(3))
    path = tmp_path_factory.mktemp("damage") / "whole.tflite"
    export.to_tflite(model, path, normal(8, 8, 3), verbose=0)
    return path.read_bytes()


@pytest.mark.parametrize("read", [export.audit, export.Interpreter])
@pytest.mark.parametrize("other", [b"", b"TFL3", b"PK\x03\x04" + bytes(100), bytes(64)])
def test_other_files_are_refused(read, other, tmp_path):
    path = tmp_path / "other.tflite"
    path.write_bytes(other)
    with pytest.raises(ValueError, match=r"`path` must name a \.tflite file"):
        read(path)


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9, 0.99])
def test_truncated_files_are_refused(part, content, tmp_path):
    path = tmp_path / "short.tflite"
    path.write_bytes(content[: int(part * len(content))])
    with pytest.raises(ValueError, match="damaged"):
        export.audit(path)


def test_damaged_files_are_read_or_refused(content, rng, tmp_path):
    path = tmp_path / "damaged.tflite"
    refused = 0
    for _ in range(100):
        damaged = np.frombuffer(content, np.uint8).copy()
        places = rng.integers(8, len(damaged), size=8)
        damaged[places] = rng.integers(0, 256, size=8)
        path.write_bytes(damaged.tobytes())
        try:
            assert "total" in str(export.audit(path))
        except ValueError:
            refused += 1
    assert refused > 0


def test_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"absent\.tflite"):
        export.audit(tmp_path / "absent.tflite")


def test_folder_is_refused(tmp_path):
    with pytest.raises(ValueError, match="a folder"):
        export.audit(tmp_path)
