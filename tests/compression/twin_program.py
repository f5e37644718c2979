"""Run in a process of its own: compares twins with models, layer by layer; prints JSON."""

import json
import os
import sys

os.environ.update(KERAS_BACKEND="tensorflow", TF_USE_LEGACY_KERAS="1", TF_CPP_MIN_LOG_LEVEL="3")

import keras
import numpy as np

import keras_shiftadd as ksa
from keras_shiftadd.compression._child.jobs import do_job  # noqa: F401  (imports everything)
from keras_shiftadd.compression._child.twin import make_twin

L, OURS = keras.layers, ksa.layers
IMAGE, SEQUENCE, VECTOR = (9, 9, 4), (10, 4), (7,)
LAYERS = {
    IMAGE: [
        L.Conv2D(6, 3, activation="relu"),
        L.Conv2D(4, 3, groups=2, strides=2, padding="same", kernel_regularizer="l2"),
        L.DepthwiseConv2D(3, depth_multiplier=2),
        L.SeparableConv2D(5, 3, activation="hard_sigmoid"),
        L.Conv2DTranspose(3, 3),
        L.BatchNormalization(),
        L.LayerNormalization(),
        L.GroupNormalization(2),
        L.Dropout(0.3),
        L.MaxPooling2D(),
        L.AveragePooling2D(2, padding="same"),
        L.GlobalAveragePooling2D(),
        L.ZeroPadding2D(2),
        L.UpSampling2D(),
        L.LeakyReLU(),
        L.Rescaling(0.5, 1.0),
        L.Flatten(),
        OURS.ShiftConv2D(6, 3, padding="same", activation="relu6"),
        OURS.ShiftConv2D(4, 3, form="sign_exponent", weight_bits=4),
        OURS.ShiftConv2D(4, 3, form="dense", weight_bits=3, activation_bits=(4, 4)),
        OURS.ShiftDepthwiseConv2D(3, depth_multiplier=2),
        OURS.AdderConv2D(6, 3, padding="same", strides=2),
        OURS.AdderConv2D(4, 3, groups=2, gradient="sign", gradient_scale=None),
        OURS.AdderDepthwiseConv2D(3, padding="same"),
        OURS.ShiftAdderConv2D(5, 3, activation="relu"),
        OURS.ShiftAdderConv2D(5, 3, freeze_shift=True),
        OURS.HybridConv2D(5, 3, operator="conv"),
        OURS.HybridConv2D(5, 3, operator="shift"),
        OURS.HybridConv2D(5, 3, operator="adder"),
        OURS.HybridConv2D(5, 3, operator="adder", weight_sharing="binned"),
        OURS.PowerActivation(1.5),
        OURS.FakeQuantization(-1.0, 2.0),
    ],
    SEQUENCE: [
        L.Conv1D(5, 3, padding="causal"),
        L.DepthwiseConv1D(3),
        L.GRU(4),
        L.LSTM(4, return_sequences=True),
        L.GlobalMaxPooling1D(),
        OURS.ShiftConv1D(5, 3, padding="causal"),
        OURS.AdderConv1D(5, 3, padding="causal"),
        OURS.HybridFeedForward(6, dropout=0.1, projection="adder"),
        OURS.HybridLightweightConv1D(3, 2, operator="shift"),
        OURS.HybridEncoderBlock(8, 2, projection="shift"),
        OURS.MixtureOfPrimitives(6),
    ],
    VECTOR: [L.Dense(5, "gelu"), OURS.ShiftDense(4), OURS.AdderDense(4), L.PReLU(), L.Softmax()],
}


def randomize(model: keras.Model) -> None:
    rng = np.random.default_rng(0)
    for variable in model.weights:
        values = np.abs(rng.normal(size=variable.shape)) + 0.1
        if "kernel" in variable.name or variable.name == "bias":
            values = rng.normal(size=variable.shape)
        variable.assign(values.astype("float32"))


def difference(model: keras.Model, *data: np.ndarray) -> float:
    given = data[0] if len(data) == 1 else list(data)
    expected = keras.tree.flatten(model(given, training=False))
    received = keras.tree.flatten(make_twin(model).model(given, training=False))
    pairs = zip(expected, received, strict=True)
    return max(float(np.max(np.abs(np.asarray(a) - np.asarray(b)))) for a, b in pairs)


def single_layers() -> dict[str, float]:
    found = {}
    for shape, layers in LAYERS.items():
        data = np.random.default_rng(1).normal(size=(3, *shape)).astype("float32")
        for index, layer in enumerate(layers):
            model = keras.Sequential([keras.Input(shape), layer])
            randomize(model)
            found[f"{len(shape)}D {index} {type(layer).__name__}"] = difference(model, data)
    return found


def graph() -> keras.Model:
    """Two inputs and outputs, a function, a model inside, a layer called twice, attention."""
    one, two = keras.Input((6, 4)), keras.Input((6, 4))
    shared = L.Dense(4)
    inner = keras.Sequential([keras.Input((6, 4)), OURS.ShiftDense(4), L.ReLU()])
    x = L.Add()([shared(one), shared(two)]) * 0.5
    x = L.Concatenate()([inner(x), one])
    x = OURS.HybridAttention(2, 4, projection="shift")(x, two)
    x = OURS.HybridDecoderBlock(8, 2, projection="adder")(x, two)
    x = L.MultiHeadAttention(2, 4)(x, x, use_causal_mask=True)
    x = keras.ops.mean(x, axis=1)
    return keras.Model([one, two], [L.Dense(3)(x), x])


def trained_weights_come_back() -> dict[str, float]:
    """Trains a twin and gives its weights to the model."""
    model = keras.Sequential(
        [
            keras.Input(IMAGE),
            L.Conv2D(4, 3),
            L.BatchNormalization(),
            OURS.AdderConv2D(4, 3),
            L.BatchNormalization(),
            L.Dropout(0.5),
            L.GlobalAveragePooling2D(),
            L.Dense(2),
        ]
    )
    data = np.random.default_rng(1).normal(size=(16, *IMAGE)).astype("float32")
    before = model.predict(data, verbose=0)
    twin = make_twin(model)
    twin.model.compile("sgd", "mse")
    twin.model.fit(data, np.ones((16, 2), "float32"), epochs=2, verbose=0)
    twin.carry_back()
    after = model.predict(data, verbose=0)
    return {
        "changed": float(np.max(np.abs(after - before))),
        "difference": float(np.max(np.abs(after - twin.model.predict(data, verbose=0)))),
    }


def main() -> None:
    model = graph()
    randomize(model)
    rng = np.random.default_rng(2)
    pair = [rng.normal(size=(3, 6, 4)).astype("float32") for _ in range(2)]
    result = {
        "layers": single_layers(),
        "graph": difference(model, *pair),
        "trained": trained_weights_come_back(),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    sys.exit(main())
