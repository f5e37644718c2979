"""What `import keras_shiftadd` costs beyond `import keras`.

    python benchmarks/import_time.py [--runs 9] [--json FILE]

Each run is a process of its own; the backend is the one that Keras chooses.
"""

import argparse
import statistics
import subprocess
import sys

import machine

CODE = """
import time
import keras
start = time.perf_counter()
import keras_shiftadd
print(time.perf_counter() - start)
"""


def main() -> None:
    """Prints the median and the range, in seconds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=9)
    machine.add_json_argument(parser)
    options = parser.parse_args()
    seconds = []
    for _ in range(options.runs):
        output = subprocess.run(
            [sys.executable, "-c", CODE], capture_output=True, text=True, check=True
        ).stdout
        seconds.append(float(output.split()[-1]))
    median = statistics.median(seconds)
    print(f"import keras_shiftadd: {median:.3f} s ({min(seconds):.3f} to {max(seconds):.3f})")
    machine.write(options.json, {"import_seconds": {"median": median, "all": seconds}})


if __name__ == "__main__":
    main()
