"""The forms of the operations: compiled kernels, and which form is active.

The kernels and their bindings to TensorFlow, JAX and PyTorch serve `keras_shiftadd.ops`; `status()`
says whether they do, and if not, why. `Int8Conv` runs int8 inference on NumPy arrays.
"""

from keras_shiftadd.custom_ops._int8_conv import Int8Conv
from keras_shiftadd.custom_ops._litert_delegate import litert_delegate
from keras_shiftadd.custom_ops._status import LibraryStatus, OpsStatus, status
from keras_shiftadd.custom_ops._tensorflow_library import tensorflow_library
from keras_shiftadd.custom_ops._threads import set_threads, threads

__all__ = [
    "Int8Conv",
    "LibraryStatus",
    "OpsStatus",
    "litert_delegate",
    "set_threads",
    "status",
    "tensorflow_library",
    "threads",
]
