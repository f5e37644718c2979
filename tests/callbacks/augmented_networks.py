"""Small networks for the tests of augmentation, and the wide networks around them, by hand."""

import keras
import numpy as np

import keras_shiftadd as ksa

LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
CONV = {
    "conv": keras.layers.Conv2D,
    "shift": ksa.layers.ShiftConv2D,
    "adder": ksa.layers.AdderConv2D,
}
DEPTHWISE = {
    "conv": keras.layers.DepthwiseConv2D,
    "shift": ksa.layers.ShiftDepthwiseConv2D,
    "adder": ksa.layers.AdderDepthwiseConv2D,
}


def tiny(operator: str = "adder", factor: int = 1) -> keras.Model:
    """A convolution, a block with a depthwise layer and a residual connection, a classifier.

    With a factor it is the wide network around the tiny one.
    """
    normalize = keras.layers.BatchNormalization
    inputs = keras.Input((6, 6, 2))
    x = keras.layers.Conv2D(4 * factor, 3, padding="same", name="stem")(inputs)
    x = keras.layers.ReLU()(normalize(name="stem_norm")(x))
    y = CONV[operator](6 * factor, 1, use_bias=False, name="expand")(x)
    y = keras.layers.ReLU()(normalize(name="expand_norm")(y))
    y = DEPTHWISE[operator](3, padding="same", use_bias=False, name="depthwise")(y)
    y = keras.layers.ReLU()(normalize(name="depthwise_norm")(y))
    y = CONV[operator](4 * factor, 1, use_bias=False, name="project")(y)
    y = normalize(name="project_norm")(y)
    x = keras.layers.Add()([x, y])
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, keras.layers.Dense(3, name="classes")(x))


def smallest(operator: str = "adder") -> keras.Model:
    """One normalised layer and a classifier: it compiles fast."""
    inputs = keras.Input((6, 6, 2))
    x = CONV[operator](4, 3, strides=2, use_bias=False, name="features")(inputs)
    x = keras.layers.ReLU()(keras.layers.BatchNormalization()(x))
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, keras.layers.Dense(3, name="classes")(x))


def compiled(operator: str = "adder", **arguments) -> keras.Model:
    """The smallest network ready for `fit`; the same one each time."""
    keras.utils.set_random_seed(3)
    model = smallest(operator)
    arguments = {
        "optimizer": keras.optimizers.SGD(0.05, momentum=0.9),
        "loss": LOSS,
        "metrics": ["accuracy"],
        **arguments,
    }
    model.compile(**arguments)
    return model


def values(variables) -> list[np.ndarray]:
    """Copies of the values of variables or tensors."""
    return [np.array(keras.ops.convert_to_numpy(v)) for v in variables]


def spread_extras(augmented, rng) -> None:
    """Gives every extra weight a value of its own."""
    for variable in augmented.extra_variables:
        if "extra" in variable.name:
            variable.assign(rng.normal(1.0, 0.5, variable.shape))


def run(function, x) -> np.ndarray:
    """What a network makes of inputs; on JAX compiled as a whole, which is faster there."""
    if keras.backend.backend() == "jax":
        import jax

        function = jax.jit(function)
    return values([function(x)])[0]


def gradients(loss, variables) -> list[np.ndarray]:
    """Gradients of `loss()` on any backend."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            result = loss()
        found = tape.gradient(result, [v.value for v in variables])
        return [
            np.zeros(v.shape) if g is None else g.numpy()
            for v, g in zip(variables, found, strict=True)
        ]
    if keras.backend.backend() == "torch":
        for v in variables:
            v.value.grad = None
        loss().backward()
        return [
            np.zeros(v.shape) if v.value.grad is None else v.value.grad.numpy().copy()
            for v in variables
        ]
    import jax

    def stateless(given):
        with keras.StatelessScope(list(zip(variables, given, strict=True))):
            return loss()

    return values(jax.jit(jax.grad(stateless))([v.value for v in variables]))
