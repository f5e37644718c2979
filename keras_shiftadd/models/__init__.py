"""Ready networks whose blocks are conv, shift, adder or shift-adder, and transformers."""

from keras_shiftadd.models._named_weights import list_weights
from keras_shiftadd.models.dscnn import DSCNN
from keras_shiftadd.models.hybrid_transformer import HybridTransformer
from keras_shiftadd.models.hybrid_vit import HybridViT
from keras_shiftadd.models.mcunet import MCUNet
from keras_shiftadd.models.mobilenet_v2 import MobileNetV2
from keras_shiftadd.models.mobilenet_v2_tiny import MobileNetV2Tiny
from keras_shiftadd.models.mobilenet_v3_small import MobileNetV3Small
from keras_shiftadd.models.reparameterize import reparameterize
from keras_shiftadd.models.resnet8 import ResNet8
from keras_shiftadd.models.resnet20 import ResNet20
from keras_shiftadd.models.resnet32 import ResNet32
from keras_shiftadd.models.weights_card import WeightsCard, read_card
from keras_shiftadd.models.weights_files import load_network, save_weights

__all__ = [
    "DSCNN",
    "HybridTransformer",
    "HybridViT",
    "MCUNet",
    "MobileNetV2",
    "MobileNetV2Tiny",
    "MobileNetV3Small",
    "ResNet8",
    "ResNet20",
    "ResNet32",
    "WeightsCard",
    "list_weights",
    "load_network",
    "read_card",
    "reparameterize",
    "save_weights",
]
