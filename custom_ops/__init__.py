"""The forms of the operations: `status()` says which one is active.

This version contains only the portable form, in `keras_shiftadd.ops`.
"""

from keras_shiftadd.custom_ops._status import OpsStatus, status

__all__ = ["OpsStatus", "status"]
