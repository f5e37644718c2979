"""A program that runs all microcontroller kernels of a sanitized library on random layers.

    python micro_sanitized.py LIBRARY

Every tensor has memory of its own size, so that AddressSanitizer sees each byte read beyond it.
"""

import ctypes
import sys

import numpy as np
from micro_kernels import draw_convolution, run_convolution
from test_micro_convolutions import GRID, KERNELS_AND_OPERATORS, ROUNDINGS

from keras_shiftadd.export._c.kernels import KERNELS


def main() -> None:
    """Runs the layers and prints how many."""
    library = ctypes.CDLL(sys.argv[1])
    layers = 0
    for kernel, operator in KERNELS_AND_OPERATORS:
        for number, (*sizes, window) in enumerate(GRID.values()):
            rng = np.random.default_rng(number)
            options = list(ROUNDINGS.values())[number % len(ROUNDINGS)]
            model = draw_convolution(rng, operator, *sizes, **window, **options)
            if KERNELS[kernel].takes(model.operators[0]):
                x = rng.integers(-128, 128, (1, *model.tensors[0].shape)).astype(np.int8)
                run_convolution(library, kernel, model, x, guard=0)
                layers += 1
    print(f"{layers} layers")


if __name__ == "__main__":
    main()
