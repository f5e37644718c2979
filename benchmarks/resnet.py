"""ResNet-20 for images of CIFAR's shape, from layers of one kind."""

from collections.abc import Callable
from typing import Any

import keras

IMAGE = (32, 32, 3)
CLASSES = 100
_STAGES = ((16, 1), (32, 2), (64, 2))  # filters, stride of the first block
_BLOCKS = 3  # a stage


def resnet20(conv: Callable[..., Any]) -> keras.Model:
    """Builds the network of the papers.

    As in AdderNet, the first and the last layer multiply whatever the others do.

    Args:
        conv: makes the other convolutions: called with filters, kernel size, `strides`,
            `padding`, `use_bias`.

    Returns:
        A compiled model.

    Reference:
        - [He et al., 2016](https://arxiv.org/abs/1512.03385), section 4.2; shortcuts with a 1x1
          convolution.
        - [Chen et al., 2020](https://arxiv.org/abs/1912.13200), section 4.
    """
    window = {"padding": "same", "use_bias": False}
    normalize = keras.layers.BatchNormalization
    inputs = keras.Input(IMAGE)
    x = keras.layers.Conv2D(_STAGES[0][0], 3, **window)(inputs)
    x = keras.layers.ReLU()(normalize()(x))
    for filters, first_stride in _STAGES:
        for block in range(_BLOCKS):
            stride = first_stride if block == 0 else 1
            shortcut = x
            x = keras.layers.ReLU()(normalize()(conv(filters, 3, strides=stride, **window)(x)))
            x = normalize()(conv(filters, 3, strides=1, **window)(x))
            if stride != 1:
                shortcut = normalize()(conv(filters, 1, strides=stride, **window)(shortcut))
            x = keras.layers.ReLU()(keras.layers.Add()([x, shortcut]))
    x = keras.layers.GlobalAveragePooling2D()(x)
    model = keras.Model(inputs, keras.layers.Dense(CLASSES)(x))
    model.compile(
        keras.optimizers.SGD(0.01, momentum=0.9),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    return model
