"""What the public functions of ready networks share: arguments in words, and a list of them."""

from collections.abc import Callable
from typing import TypeVar

import keras

Network = TypeVar("Network", bound=Callable[..., keras.Model])

NETWORKS: dict[str, Callable[..., keras.Model]] = {}
_SHARED = """
input_shape: `(height, width, channels)` of an image or spectrogram, channels last, or
    `(steps, channels)` of a time series, whose windows then have one column.
num_classes: Integer, number of classes.
operators: What computes in the blocks: `"conv"`, `"shift"`, `"adder"` or `"shift_adder"` (a
    shift layer, then an adder layer), one name for all blocks or a sequence of {blocks} names,
    one a block{last}.
include_top: Boolean, whether pooling and the classifier are there.
weights: `None` for random weights, the name of weights that come with the package, or the path
    of a file of `save_weights` or `keras.Model.save_weights`.
pooling: With `include_top=False`, what ends the network: `None` (the feature map), `"avg"` or
    `"max"` (a vector).
classifier_activation: Activation of the classifier, `"softmax"` by default; `None` returns
    logits.
stem_operator: Operator of the first convolution.
classifier_operator: Operator of the classifier.
weight_bits: Integer from 2 to 8, bits of shift weights.
gradient_scale: Number, norm of the gradients of adder kernels; see `AdderConv2D`. `None` leaves
    them as they are.
name: String, name of the model.
"""


def ready_network(blocks: int, last: str = "") -> Callable[[Network], Network]:
    """Writes the shared arguments into a docstring, in the place of `{shared}`.

    Args:
        blocks: number of blocks that have an operator.
        last: what the last of them is, where it is no block like the others.
    """

    def decorate(function: Network) -> Network:
        words = _SHARED.strip().format(blocks=blocks, last=f" ({last})" if last else "")
        # Python run with -OO has no docstrings.
        text = function.__doc__ or ""
        function.__doc__ = text.replace("{shared}", words.replace("\n", "\n        "))
        NETWORKS[function.__name__] = function
        return function

    return decorate
