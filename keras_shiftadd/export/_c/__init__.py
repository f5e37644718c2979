"""C source for microcontrollers: layouts of weights, kernels, and the generator."""
