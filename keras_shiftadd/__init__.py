"""Keras 3 layers without multiplications, and the way from them to a microcontroller.

Importing this package registers its layers and models with Keras, so that
`keras.saving.load_model` finds them. The other rooms (`callbacks`, `compression`, `cost`,
`custom_ops`, `export`, `testing`, `tuners`) are imported when they are first used: they bring
dependencies that a model does not need.

Example:

```python
import keras
import keras_shiftadd as ksa

model = keras.Sequential([
    keras.Input((32, 32, 3)),
    keras.layers.Conv2D(16, 3, padding="same", use_bias=False),
    keras.layers.BatchNormalization(), keras.layers.ReLU(),
    ksa.layers.ShiftConv2D(32, 3, padding="same", use_bias=False),
    keras.layers.BatchNormalization(), keras.layers.ReLU(),
    ksa.layers.AdderConv2D(32, 3, padding="same", use_bias=False),
    keras.layers.BatchNormalization(), keras.layers.ReLU(),
    keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(10),
])
ksa.summary(model)
```
"""

import importlib
from typing import TYPE_CHECKING, Any

from keras_shiftadd import layers, models, ops
from keras_shiftadd._version import __version__

if TYPE_CHECKING:
    from keras_shiftadd import (
        callbacks,
        compression,
        cost,
        custom_ops,
        export,
        testing,
        tuners,
    )
    from keras_shiftadd.cost import summary
    from keras_shiftadd.saving import load_model, load_saved_model

__all__ = [
    "__version__",
    "callbacks",
    "compression",
    "cost",
    "custom_ops",
    "export",
    "layers",
    "load_model",
    "load_saved_model",
    "models",
    "ops",
    "summary",
    "testing",
    "tuners",
]

_LAZY_ROOMS = (
    "callbacks",
    "compression",
    "cost",
    "custom_ops",
    "export",
    "testing",
    "tuners",
)
_LAZY_FUNCTIONS = {
    "summary": "keras_shiftadd.cost",
    "load_model": "keras_shiftadd.saving",
    "load_saved_model": "keras_shiftadd.saving",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY_ROOMS:
        return importlib.import_module(f"keras_shiftadd.{name}")
    if name in _LAZY_FUNCTIONS:
        return getattr(importlib.import_module(_LAZY_FUNCTIONS[name]), name)
    raise AttributeError(f"module 'keras_shiftadd' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
