"""What `benchmarks/kernels.py` times: the compiled kernels and their peers, row by row."""
