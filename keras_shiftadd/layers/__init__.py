"""Keras layers without multiplications, each a replacement for its Keras counterpart."""

from keras_shiftadd.layers import _embeddings as _embeddings  # makes it known to Keras
from keras_shiftadd.layers._normalization import MissingNormalizationWarning, check_normalization
from keras_shiftadd.layers.adder_conv1d import AdderConv1D
from keras_shiftadd.layers.adder_conv2d import AdderConv2D
from keras_shiftadd.layers.adder_dense import AdderDense
from keras_shiftadd.layers.adder_depthwise_conv2d import AdderDepthwiseConv2D
from keras_shiftadd.layers.fake_quantization import FakeQuantization
from keras_shiftadd.layers.hybrid_attention import HybridAttention
from keras_shiftadd.layers.hybrid_conv2d import HybridConv2D
from keras_shiftadd.layers.hybrid_decoder_block import HybridDecoderBlock
from keras_shiftadd.layers.hybrid_encoder_block import HybridEncoderBlock
from keras_shiftadd.layers.hybrid_feed_forward import HybridFeedForward
from keras_shiftadd.layers.hybrid_lightweight_conv1d import HybridLightweightConv1D
from keras_shiftadd.layers.mixture_of_primitives import MixtureOfPrimitives
from keras_shiftadd.layers.power_activation import PowerActivation
from keras_shiftadd.layers.shift_adder_conv2d import ShiftAdderConv2D
from keras_shiftadd.layers.shift_conv1d import ShiftConv1D
from keras_shiftadd.layers.shift_conv2d import ShiftConv2D
from keras_shiftadd.layers.shift_dense import ShiftDense
from keras_shiftadd.layers.shift_depthwise_conv2d import ShiftDepthwiseConv2D

__all__ = [
    "AdderConv1D",
    "AdderConv2D",
    "AdderDense",
    "AdderDepthwiseConv2D",
    "FakeQuantization",
    "HybridAttention",
    "HybridConv2D",
    "HybridDecoderBlock",
    "HybridEncoderBlock",
    "HybridFeedForward",
    "HybridLightweightConv1D",
    "MissingNormalizationWarning",
    "MixtureOfPrimitives",
    "PowerActivation",
    "ShiftAdderConv2D",
    "ShiftConv1D",
    "ShiftConv2D",
    "ShiftDense",
    "ShiftDepthwiseConv2D",
    "check_normalization",
]
