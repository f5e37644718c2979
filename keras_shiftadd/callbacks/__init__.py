"""Callbacks for `keras.Model.fit`."""

from keras_shiftadd.callbacks._batch_statistics import recalibrate_batch_normalization
from keras_shiftadd.callbacks.batch_normalization_recalibration import (
    BatchNormalizationRecalibration,
)

__all__ = ["BatchNormalizationRecalibration", "recalibrate_batch_normalization"]
