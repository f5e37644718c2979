"""The C interface of the kernels, as ctypes takes it: kernels/shiftadd.h in Python."""

import ctypes

# SHIFTADD_ABI_VERSION
ABI_VERSION = 1

_Size = ctypes.c_size_t
_Int32 = ctypes.c_int32
_Int64 = ctypes.c_int64
_Pointer = ctypes.c_void_p

PADDINGS = {"valid": 0, "same": 1, "causal": 2}
SLOPES = {"identity": 0, "clip": 1, "sign": 2}


class ConvParams(ctypes.Structure):
    """`shiftadd_conv_params`."""

    _fields_ = (
        ("batch", _Int64),
        ("in_size", _Int64 * 2),
        ("kernel_size", _Int64 * 2),
        ("strides", _Int64 * 2),
        ("dilation", _Int64 * 2),
        ("groups", _Int64),
        ("channels", _Int64),
        ("filters", _Int64),
        ("padding", _Int32),
        ("out_size", _Int64 * 2),
        ("pad_before", _Int64 * 2),
    )


class Parallel(ctypes.Structure):
    """`shiftadd_parallel`."""

    _fields_ = (("parallel_for", _Pointer), ("pool", _Pointer), ("threads", _Int32))


class Requantization(ctypes.Structure):
    """`shiftadd_requantization`."""

    _fields_ = (
        ("bias", _Pointer),
        ("multiplier", _Pointer),
        ("shift", _Pointer),
        ("output_zero", _Int32),
        ("low", _Int32),
        ("high", _Int32),
    )


_Params = ctypes.POINTER(ConvParams)
_Parallel = ctypes.POINTER(Parallel)
_Requantization = ctypes.POINTER(Requantization)

# Function: what it returns, what it takes.
_FUNCTIONS = {
    "abi_version": (_Int32, ()),
    "manifest": (ctypes.c_char_p, ()),
    "instruction_set": (ctypes.c_char_p, ()),
    "use_instruction_set": (ctypes.c_int, (ctypes.c_char_p,)),
    "error_message": (ctypes.c_char_p, (ctypes.c_int,)),
    "default_parallel": (_Parallel, ()),
    "set_threads": (_Int32, (_Int32,)),
    "conv_init": (ctypes.c_int, (_Params,)),
    "adder_conv_f32_scratch": (_Size, (_Params, _Int32)),
    "adder_conv_f32": (
        ctypes.c_int,
        (_Params, _Pointer, _Pointer, _Pointer, _Pointer, _Parallel),
    ),
    "adder_conv_f32_input_gradient_scratch": (_Size, (_Params, _Int32)),
    "adder_conv_f32_input_gradient": (
        ctypes.c_int,
        (_Params, _Int32, _Pointer, _Pointer, _Pointer, _Pointer, _Pointer, _Parallel),
    ),
    "adder_conv_f32_kernel_gradient_scratch": (_Size, (_Params, _Int32)),
    "adder_conv_f32_kernel_gradient": (
        ctypes.c_int,
        (_Params, _Int32, _Pointer, _Pointer, _Pointer, _Pointer, _Pointer, _Parallel),
    ),
    "conv_int8_packed_size": (_Size, (_Params, _Int32)),
    "conv_int8_pack": (
        ctypes.c_int,
        (_Params, _Int32, _Pointer, _Int32, _Requantization, _Pointer),
    ),
    "conv_int8_scratch": (_Size, (_Params, _Int32, _Int32)),
    "conv_int8": (
        ctypes.c_int,
        (_Params, _Int32, _Pointer, _Pointer, _Pointer, _Pointer, _Parallel),
    ),
}


def declare(library: ctypes.CDLL) -> None:
    """Declares what the functions of the kernels take and return.

    Raises:
        AttributeError: the library lacks one of them.
    """
    for name, (returned, taken) in _FUNCTIONS.items():
        function = getattr(library, f"shiftadd_{name}")
        function.restype = returned
        function.argtypes = taken
