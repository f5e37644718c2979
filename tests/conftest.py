"""Settings shared by all tests: import order of the frameworks, one seed a test."""

import importlib.util

# PyTorch is imported before TensorFlow: the other order has crashed on some builds.
if importlib.util.find_spec("torch") is not None:
    import torch  # noqa: F401

import keras
import numpy as np
import pytest


@pytest.fixture(autouse=True)
def _seed() -> None:
    keras.utils.set_random_seed(1)


@pytest.fixture
def rng() -> np.random.Generator:
    """A generator with a fixed seed."""
    return np.random.default_rng(0)
