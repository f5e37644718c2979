"""What ends a ready network: pooling, the classifier, its weights."""

from typing import Any

import keras

from keras_shiftadd.models._arguments import Arguments
from keras_shiftadd.models._layers import NetworkLayers


def finish(
    inputs: Any,
    x: Any,
    arguments: Arguments,
    layers: NetworkLayers,
    *,
    dropout: float = 0.0,
    hidden: tuple[str, int] | None = None,
) -> keras.Model:
    """Makes the model of a feature map.

    Args:
        inputs: The input of the network.
        x: The feature map.
        arguments: Those of the network.
        layers: Makes the classifier.
        dropout: Part of the values that the classifier misses in training.
        hidden: Operator and width of a layer before the classifier.
    """
    if arguments.include_top:
        x = _pool(x, "avg")
        if hidden is not None:
            x = layers.dense(x, *hidden, name="head_hidden")
            x = layers.activate(x, "hard_silu", "head_hidden")
        if dropout:
            x = keras.layers.Dropout(dropout, name="dropout")(x)
        x = layers.dense(
            x,
            arguments.classifier_operator,
            arguments.num_classes,
            name="classifier",
            activation=arguments.classifier_activation,
        )
    elif arguments.pooling is not None:
        x = _pool(x, arguments.pooling)
    model = keras.Model(inputs, x, name=arguments.name)
    if arguments.weights is not None:
        # Reads cards and files, which a network with random weights does not need.
        from keras_shiftadd.models._named_weights import load_given_weights

        load_given_weights(model, arguments)
    return model


def _pool(x: Any, pooling: str) -> Any:
    kind = keras.layers.GlobalAveragePooling2D
    if pooling == "max":
        kind = keras.layers.GlobalMaxPooling2D
    return kind(data_format="channels_last", name="pool")(x)
