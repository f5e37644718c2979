"""The adder operator: kernels compared with patches by their L1 distance."""

import warnings
from typing import Any

import keras
from keras import ops

from keras_shiftadd import ops as shiftadd_ops
from keras_shiftadd.layers import _arguments
from keras_shiftadd.layers._normalization import warn_enclosing_model
from keras_shiftadd.layers._operator_layer import OperatorLayer
from keras_shiftadd.ops._numbers import is_number


def adder_initializer() -> Any:
    """The papers' initializer. A narrow one trains badly: distances hardly differ then."""
    return keras.initializers.RandomNormal(stddev=1.0)


def gradient_scale_argument(value: Any) -> float | None:
    """Returns `gradient_scale` if it is None or a positive number."""
    if value is None:
        return None
    if not is_number(value) or not value > 0:
        raise ValueError(
            "`gradient_scale` must be a positive number, or None for the gradient as it is. "
            f"Received: gradient_scale={value!r}."
        )
    return float(value)


def warn_if_loss_scaling_cancels(layer: keras.layers.Layer) -> None:
    """Warns where a normalised gradient and a loss scale would meet."""
    if layer.compute_dtype == "float16":
        warnings.warn(
            "An adder layer brings its kernel gradient to a fixed norm, which cancels the loss "
            "scale of mixed float16 training: dividing by the loss scale afterwards makes its "
            "steps vanish. Received: a layer with compute dtype float16. Use the policy "
            "'mixed_bfloat16', or compile the model with auto_scale_loss=False.",
            UserWarning,
            stacklevel=4,
        )


class AdderKernel(OperatorLayer):
    """Mixin for a layer that compares patches with its kernel."""

    operator = "adder"

    def __init__(self, gradient: str, gradient_scale: float | None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.gradient = _arguments.one_of(gradient, shiftadd_ops.ADDER_GRADIENTS, "gradient")
        self.gradient_scale = gradient_scale_argument(gradient_scale)
        self._looked_for_normalization = False

    def _add_kernel(self, shape: tuple[int, ...]) -> None:
        self.kernel = self.add_weight(
            name="kernel",
            shape=shape,
            initializer=self.kernel_initializer or adder_initializer(),
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            autocast=False,
        )
        if self.gradient_scale is not None:
            warn_if_loss_scaling_cancels(self)

    def effective_kernel(self) -> Any:
        """Returns the kernel as a float32 tensor."""
        return ops.cast(self.kernel, "float32")

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Applies the operator, the bias and the activation."""
        if training and not self._looked_for_normalization:
            self._looked_for_normalization = True
            warn_enclosing_model(self)
        return super().call(inputs)

    def _operate(self, inputs: Any) -> Any:
        kernel = self.kernel
        if self.gradient_scale is not None:
            kernel = shiftadd_ops.normalize_gradient(kernel, self.gradient_scale)
        return self._compare(inputs, kernel, self.gradient)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of this layer, as plain Python objects."""
        return {
            **super().get_config(),
            "gradient": self.gradient,
            "gradient_scale": self.gradient_scale,
        }
