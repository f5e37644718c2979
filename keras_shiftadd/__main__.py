"""`python -m keras_shiftadd`: the same as the command `keras-shiftadd`."""

import sys

from keras_shiftadd.cli import main

if __name__ == "__main__":
    sys.exit(main())
