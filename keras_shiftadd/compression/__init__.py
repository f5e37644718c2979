"""Pruning, clustering and quantisation-aware training by TensorFlow Model Optimization.

Models of Keras 3 go in and come out, on every backend. Model Optimization works on models of
tf_keras only, and its import changes environment variables and `tf.keras`: it runs in a process of
its own, and leaves no trace in this one. Nothing here imports TensorFlow.
"""

from keras_shiftadd.compression._cluster import cluster
from keras_shiftadd.compression._constant_sparsity import ConstantSparsity
from keras_shiftadd.compression._polynomial_decay import PolynomialDecay
from keras_shiftadd.compression._power_of_two_clustering import PowerOfTwoClustering
from keras_shiftadd.compression._prune import prune
from keras_shiftadd.compression._quantize_aware import quantize_aware

__all__ = [
    "ConstantSparsity",
    "PolynomialDecay",
    "PowerOfTwoClustering",
    "cluster",
    "prune",
    "quantize_aware",
]
