"""Callbacks for `keras.Model.fit`."""

from keras_shiftadd.callbacks._batch_statistics import recalibrate_batch_normalization
from keras_shiftadd.callbacks._plot_training import plot_training
from keras_shiftadd.callbacks.augmented import Augmented
from keras_shiftadd.callbacks.batch_normalization_recalibration import (
    BatchNormalizationRecalibration,
)
from keras_shiftadd.callbacks.hybrid_augmentation import HybridAugmentation

__all__ = [
    "Augmented",
    "BatchNormalizationRecalibration",
    "HybridAugmentation",
    "plot_training",
    "recalibrate_batch_normalization",
]
