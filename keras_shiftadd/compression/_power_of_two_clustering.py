"""PowerOfTwoClustering."""

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class PowerOfTwoClustering:
    """Clusters that begin on powers of two, for `keras_shiftadd.compression.cluster`.

    The centroids of a kernel are `+-2 ** e`, from the power nearest to its largest magnitude
    downwards, one exponent after the other. Training moves them like those of other
    initialisations. The weights of a shift layer are rounded in each step, so that they stay powers
    of two; for other kernels it is a start that is dense where weights are.

    Example:

    >>> clustered = keras_shiftadd.compression.cluster(
    ...     model, 16, x, y,
    ...     cluster_centroids_init=keras_shiftadd.compression.PowerOfTwoClustering())
    """

    def centroids(
        self, weights: np.ndarray, number_of_clusters: int, with_zero: bool = False
    ) -> np.ndarray:
        """The centroids of a kernel.

        Args:
            weights: The kernel.
            number_of_clusters: How many centroids there are.
            with_zero: Whether one of them is zero. An odd number has a zero in any case.

        Returns:
            float32 array in increasing order.

        Example:

        >>> import numpy as np
        >>> kernel = np.array([0.9, -0.3, 0.1])
        >>> keras_shiftadd.compression.PowerOfTwoClustering().centroids(kernel, 4)
        [-1.0, -0.5, 0.5, 1.0]
        """
        largest = float(np.max(np.abs(weights), initial=0.0))
        top = round(math.log2(largest)) if largest > 0.0 else 0
        found = [0.0] if with_zero or number_of_clusters % 2 else []
        exponent = top
        while len(found) < number_of_clusters:
            found += [2.0**exponent, -(2.0**exponent)]
            exponent -= 1
        return np.sort(np.asarray(found[:number_of_clusters], np.float32))
