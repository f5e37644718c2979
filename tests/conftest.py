"""Settings shared by all tests: import order of the frameworks, one seed a test."""

import importlib.metadata
import importlib.util
import os
import random
import sys
from collections import Counter
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

import numpy as np
import pytest

# Few tests, and long ones. A worker that took one of these last would keep the other waiting.
LONG_FILES = {
    "test_augmentation_search.py",
    "test_augmented_training.py",
    "test_compressed_training.py",
    "test_distributed.py",
    "test_gesture_to_microcontroller.py",
    "test_process.py",
    "test_sanitizers.py",
    "test_search_cifar.py",
    "test_supernet.py",
    "test_supernet_training.py",
    "test_translation_supernet.py",
    "test_tuner.py",
    "test_twin.py",
}

# What does not depend on the backend runs on the one that compiles nothing.
ONCE = "torch"


def pytest_configure(config: pytest.Config) -> None:
    """Registers the marker of such tests, and a warning that is an error.

    Both that and the frameworks take seconds to import: not where workers run the tests.
    """
    config.addinivalue_line("markers", f"once: does not depend on the backend; runs on {ONCE}")
    if config.getoption("dist", "no") != "no" and "PYTEST_XDIST_WORKER" not in os.environ:
        return
    # PyTorch before TensorFlow: the other order has crashed on some builds.
    if importlib.util.find_spec("torch") is not None:
        import torch  # noqa: F401
    import keras  # noqa: F401

    error = "error::keras_shiftadd.layers.MissingNormalizationWarning"
    config.addinivalue_line("filterwarnings", error)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first, then those of many tests; workers take them in this order."""
    import keras

    sizes = Counter(item.path for item in items)
    items.sort(key=lambda item: (item.path.name not in LONG_FILES, -sizes[item.path]))
    if keras.backend.backend() != ONCE:
        elsewhere = pytest.mark.skip(reason=f"does not depend on the backend: KERAS_BACKEND={ONCE}")
        for item in items:
            if item.get_closest_marker("once"):
                item.add_marker(elsewhere)


@pytest.fixture(autouse=True, scope="module")
def _seed_of_a_file() -> None:
    """TensorFlow's seed, too: to set it drops all kernels that TensorFlow has made."""
    import keras

    keras.utils.set_random_seed(1)


@pytest.fixture(autouse=True)
def _seed() -> None:
    """What initialisers, layers and data of a test are drawn with."""
    random.seed(1)
    np.random.seed(1)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(1)


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
