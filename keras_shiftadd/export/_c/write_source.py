"""model.h, model.c and model_constants.h."""

from collections.abc import Iterator

from keras_shiftadd.export._c import c_text
from keras_shiftadd.export._c.kernel_files import kernel_text
from keras_shiftadd.export._c.layer import Layer
from keras_shiftadd.export._c.memory import Place
from keras_shiftadd.export._c.program import Program
from keras_shiftadd.export._integer.model import Tensor

_WRITTEN = "Written by keras_shiftadd."


def write_header(program: Program) -> str:
    """model.h: what an application needs to know."""
    model = program.model
    source, output = model.tensors[model.input], model.tensors[model.output]
    return f"""\
/* {_WRITTEN} An int8 network with one input and one output. */
{c_text.comment(f"Network: {model.name}")}
#ifndef MODEL_H_
#define MODEL_H_

#include <stdint.h>

#ifdef __cplusplus
extern "C" {{
#endif

/* An int8 tensor q stands for real numbers r = scale * (q - zero point); a real number r is passed
 * as q = round(r / scale) + zero point, limited to -128..127. Elements lie in row-major order, the
 * channels last. */
{_tensor_macros("INPUT", source)}
{_tensor_macros("OUTPUT", output)}

/* Memory that model_invoke uses besides input, output and stack; it is static. */
#define MODEL_ARENA_BYTES {program.memory.arena_bytes}

/* Runs the network once. `input` has MODEL_INPUT_SIZE elements and is not changed; `output` has
 * MODEL_OUTPUT_SIZE elements and must not overlap it. Not to be called while it runs, by an
 * interrupt for instance. */
void model_invoke(const int8_t *input, int8_t *output);

#ifdef __cplusplus
}}
#endif

#endif /* MODEL_H_ */
"""


def write_constants(program: Program) -> str:
    """model_constants.h: weights and parameters."""
    parts = [f"/* {_WRITTEN} Weights and parameters of model.c. */\n"]
    parts.append("#ifndef MODEL_CONSTANTS_H_\n#define MODEL_CONSTANTS_H_\n")
    parts.append('#include "shiftadd_micro.h"\n')
    for layer in _layers(program):
        parts.append(c_text.comment(layer.title))
        parts.extend(c_text.array(c.name, c.values, c.words) for c in layer.constants)
        parts.extend(layer.structs)
        parts.append("")
    parts.append("#endif /* MODEL_CONSTANTS_H_ */\n")
    return "\n".join(parts)


def write_model(program: Program) -> str:
    """model.c: a function for each layer, and model_invoke."""
    arena = ""
    if program.memory.arena_bytes:
        arena = """
/* Activations and scratch memory; a union with a word is aligned to one. */
static union {
    uint32_t word;
    int8_t bytes[MODEL_ARENA_BYTES];
} arena;
"""
    functions, calls = [], []
    for i, layer in enumerate(program.layers):
        if layer is not None:
            functions.append(_function(layer, program.memory.scratch[i]))
            calls.append(f"    {layer.function}({', '.join(_arguments(program, i))});")
    if program.memory.tensors[program.model.output].region == "input":
        calls.append("    memcpy(output, input, MODEL_OUTPUT_SIZE);")
    include = "#include <string.h>\n\n" if any("memcpy" in call for call in calls) else ""
    body = "\n".join(calls)
    return f"""\
/* {_WRITTEN} One function a layer, in the order in which they run. */
#include "model.h"

{include}#include "model_constants.h"
#include "shiftadd_micro.h"

/* Layers stay functions of their own, so that a debugger or a profiler shows them. */
#if defined(__GNUC__) || defined(__clang__)
#define MODEL_LAYER static __attribute__((noinline)) void
#else
#define MODEL_LAYER static void
#endif
{_declarations(program)}{arena}
{"".join(functions)}void model_invoke(const int8_t *input, int8_t *output)
{{
{body}
}}
"""


def _declarations(program: Program) -> str:
    """Those of the kernels that shiftadd_micro.h does not declare; all have one form."""
    used = sorted({choice.kernel.function for choice in program.choices if choice is not None})
    missing = [name for name in used if f"void {name}(" not in kernel_text("shiftadd_micro.h")]
    if not missing:
        return ""
    lines = (
        f"void {name}(const ksa_conv_params *params, const int8_t *x, int8_t *y, void *scratch);\n"
        for name in missing
    )
    return "\n" + "".join(lines)


def _layers(program: Program) -> Iterator[Layer]:
    return (layer for layer in program.layers if layer is not None)


def _tensor_macros(prefix: str, tensor: Tensor) -> str:
    quantization = tensor.quantization
    shape = ", ".join(map(str, tensor.shape))
    # %.9g has all bits of a float32.
    scale = f"{quantization.scale:.9g}"
    scale += "f" if any(mark in scale for mark in ".e") else ".0f"
    return f"""\
#define MODEL_{prefix}_SIZE {tensor.size}
#define MODEL_{prefix}_SHAPE {{{shape}}}
#define MODEL_{prefix}_SCALE {scale}
#define MODEL_{prefix}_ZERO_POINT ({quantization.zero_point})"""


def _function(layer: Layer, scratch: int | None) -> str:
    inputs = "".join(f"const int8_t *{name}, " for name in layer.inputs)
    there = "0" if scratch is None else f"arena.bytes + {scratch}"
    calls = "\n".join(f"    {call.replace('{scratch}', there)}" for call in layer.calls)
    return f"""\
{c_text.comment(layer.title)}
MODEL_LAYER {layer.function}({inputs}int8_t *y)
{{
{calls}
}}

"""


def _arguments(program: Program, i: int) -> list[str]:
    operator = program.model.operators[i]
    return [_pointer(program.memory.tensors[t]) for t in (*operator.inputs, operator.output)]


def _pointer(place: Place) -> str:
    if place.region == "arena":
        return f"arena.bytes + {place.offset}"
    return place.region
