"""Search of hybrid networks on KerasTuner, under a hardware budget.

The names are imported when they are first used: some bring KerasTuner, some plotting.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from keras_shiftadd.tuners.hybrid_space import HybridSpace
    from keras_shiftadd.tuners.pareto import pareto_front

__all__ = [
    "HybridSpace",
    "pareto_front",
]

_MODULES = {
    "HybridSpace": "keras_shiftadd.tuners.hybrid_space",
    "pareto_front": "keras_shiftadd.tuners.pareto",
}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(importlib.import_module(_MODULES[name]), name)
    raise AttributeError(f"module 'keras_shiftadd.tuners' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
