"""Data of augmented trainings."""

import pytest


@pytest.fixture
def data(rng):
    """Samples of three classes, three batches of 16."""
    return rng.normal(size=(48, 6, 6, 2)).astype("float32"), rng.integers(0, 3, 48)
