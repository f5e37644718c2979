"""The command `keras-shiftadd`.

Nothing here imports Keras or a backend until a command runs.
"""

from keras_shiftadd.cli._main import main

__all__ = ["main"]
