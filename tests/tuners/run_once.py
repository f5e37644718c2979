"""A mark for tests without tensors: running them on one backend is enough."""

import keras
import pytest

once = pytest.mark.skipif(
    keras.backend.backend() != "torch", reason="does not depend on the backend: KERAS_BACKEND=torch"
)
