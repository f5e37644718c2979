"""Search of hybrid networks on KerasTuner, under a hardware budget.

The names are imported when they are first used: some bring KerasTuner, some plotting.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from keras_shiftadd.tuners._plots.architecture import plot_architecture
    from keras_shiftadd.tuners._plots.history import plot_history
    from keras_shiftadd.tuners._plots.pareto import plot_pareto
    from keras_shiftadd.tuners.augmentation_space import AugmentationSpace
    from keras_shiftadd.tuners.augmentation_supernet import AugmentationSupernet
    from keras_shiftadd.tuners.hybrid_oracle import HybridOracle
    from keras_shiftadd.tuners.hybrid_space import HybridSpace
    from keras_shiftadd.tuners.hybrid_tuner import HybridTuner
    from keras_shiftadd.tuners.pareto import pareto_front
    from keras_shiftadd.tuners.supernet import Supernet
    from keras_shiftadd.tuners.translation_space import TranslationSpace
    from keras_shiftadd.tuners.translation_supernet import TranslationSupernet

__all__ = [
    "AugmentationSpace",
    "AugmentationSupernet",
    "HybridOracle",
    "HybridSpace",
    "HybridTuner",
    "Supernet",
    "TranslationSpace",
    "TranslationSupernet",
    "pareto_front",
    "plot_architecture",
    "plot_history",
    "plot_pareto",
]

_MODULES = {
    "AugmentationSpace": "keras_shiftadd.tuners.augmentation_space",
    "AugmentationSupernet": "keras_shiftadd.tuners.augmentation_supernet",
    "HybridOracle": "keras_shiftadd.tuners.hybrid_oracle",
    "HybridSpace": "keras_shiftadd.tuners.hybrid_space",
    "HybridTuner": "keras_shiftadd.tuners.hybrid_tuner",
    "Supernet": "keras_shiftadd.tuners.supernet",
    "TranslationSpace": "keras_shiftadd.tuners.translation_space",
    "TranslationSupernet": "keras_shiftadd.tuners.translation_supernet",
    "pareto_front": "keras_shiftadd.tuners.pareto",
    "plot_architecture": "keras_shiftadd.tuners._plots.architecture",
    "plot_history": "keras_shiftadd.tuners._plots.history",
    "plot_pareto": "keras_shiftadd.tuners._plots.pareto",
}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(importlib.import_module(_MODULES[name]), name)
    raise AttributeError(f"module 'keras_shiftadd.tuners' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
