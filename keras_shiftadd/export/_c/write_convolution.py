"""Convolutions and dense layers as C."""

from keras_shiftadd.export._c import c_text
from keras_shiftadd.export._c.kernels import Kernel
from keras_shiftadd.export._c.layer import Constant, Layer
from keras_shiftadd.export._c.parameters import (
    POINTERS,
    convolution_bytes,
    convolution_fields,
    image_shape,
)
from keras_shiftadd.export._integer.model import Tensor
from keras_shiftadd.export._integer.operators import Convolution

_WORDS = {"conv": "products", "shift": "shifts", "adder": "absolute differences"}


def write_convolution(
    operator: Convolution, source: Tensor, output: Tensor, kernel: Kernel, name: str
) -> Layer:
    """A convolution.

    Args:
        operator: Its integers.
        source: The tensor that it reads.
        output: The tensor that it makes.
        kernel: The kernel that was chosen for it.
        name: Of this layer, a C identifier.

    Returns:
        A `Layer`.
    """
    fields = convolution_fields(operator, source, output)
    packed = dict(kernel.pack(operator, source).items())
    constants = tuple(
        Constant(f"{name}_{part}", packed[part], words=part == "weights")
        for part in POINTERS
        if part in packed
    )
    pointers = {}
    for part in POINTERS:
        if part not in packed:
            pointers[part] = "0"
        elif part == "weights":
            pointers[part] = f"{name}_{part}.bytes"
        else:
            pointers[part] = f"{name}_{part}"
    scratch = kernel.scratch_bytes(operator)
    values = {field: c_text.number(value) for field, value in fields.items()}
    return Layer(
        function=name,
        title=_title(operator, source, output, kernel),
        kernels=(kernel.name,),
        calls=(f"{kernel.function}(&{name}_params, x, y, {{scratch}});",),
        constants=constants,
        structs=(c_text.struct("ksa_conv_params", f"{name}_params", {**values, **pointers}),),
        struct_bytes=len(convolution_bytes(fields, {})),
        scratch_bytes=scratch,
    )


def _title(operator: Convolution, source: Tensor, output: Tensor, kernel: Kernel) -> str:
    rows, columns, channels, filters = operator.kernel.shape
    if len(source.shape) == 1:
        what = f"dense, {channels} -> {filters}"
    else:
        sizes = ("x".join(map(str, image_shape(tensor))) for tensor in (source, output))
        what = f"{rows}x{columns}, {' -> '.join(sizes)}"
        if operator.groups > 1:
            depthwise = operator.groups == source.shape[-1]
            what += ", depthwise" if depthwise else f", {operator.groups} groups"
    how = f"kernel {kernel.name} ({kernel.description})"
    return f"{operator.name}: {what}, {_WORDS[operator.operator]}; {how}."
