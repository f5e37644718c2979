"""Settings shared by all tests: import order of the frameworks, one seed a test."""

import importlib.metadata
import importlib.util
import os
import sys
from collections.abc import Iterator

# Tests compile much and compute little: on JAX most of their time goes into optimising, and the
# emitters of fused operations take twice as long as those before them. Before the frameworks are
# imported, which read it. XLA ends the process at a flag that it does not know.
if importlib.util.find_spec("jaxlib") and importlib.metadata.version("jaxlib").startswith("0.10."):
    os.environ.setdefault(
        "XLA_FLAGS",
        "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true "
        "--xla_cpu_use_fusion_emitters=false",
    )

# Workers share the processor: threads of theirs spend their time waiting for each other.
if "PYTEST_XDIST_WORKER" in os.environ:
    for _threads in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        os.environ.setdefault(_threads, "1")

# PyTorch is imported before TensorFlow: the other order has crashed on some builds.
if importlib.util.find_spec("torch") is not None:
    import torch  # noqa: F401

import keras
import numpy as np
import pytest


@pytest.fixture(autouse=True)
def _seed() -> None:
    keras.utils.set_random_seed(1)


@pytest.fixture(autouse=True)
def _closed_figures() -> Iterator[None]:
    """Closes what a test has drawn."""
    yield
    if (pyplot := sys.modules.get("matplotlib.pyplot")) is not None:
        pyplot.close("all")


@pytest.fixture
def rng() -> np.random.Generator:
    """A generator with a fixed seed."""
    return np.random.default_rng(0)
