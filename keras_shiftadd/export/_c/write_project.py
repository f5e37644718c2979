"""The files around the generated C: kernels, Makefile, and a test for the host."""

import re
from pathlib import Path

import numpy as np

from keras_shiftadd.export._c import c_text
from keras_shiftadd.export._c.program import Program

KERNEL_FOLDER = Path(__file__).resolve().parents[2] / "custom_ops" / "micro"
_INCLUDE = re.compile(r'^#include "([^"]+)"', re.MULTILINE)

_MAKEFILE = """\
# Written by keras_shiftadd.
#   make test                      compiles the network for this machine and compares its outputs
#   make CC=arm-none-eabi-gcc CFLAGS="-O3 -mcpu=cortex-m4 -mthumb"
#                                  makes build/libmodel.a for a microcontroller
CFLAGS ?= -O3
MODEL_CFLAGS = -std=c99 -Wall -Wextra -ffunction-sections -fdata-sections
OBJECTS = {objects}

build/libmodel.a: $(OBJECTS)
\t$(AR) rcs $@ $(OBJECTS)

build/%.o: %.c $(wildcard *.h) | build
\t$(CC) $(MODEL_CFLAGS) $(CFLAGS) -c -o $@ $<

build/test_model: build/test_model.o build/libmodel.a
\t$(CC) $(CFLAGS) -o $@ build/test_model.o build/libmodel.a

build:
\tmkdir -p $@

.PHONY: test clean
test: build/test_model
\tbuild/test_model

clean:
\trm -rf build
"""

_TEST = """\
/* Written by keras_shiftadd. Compares model_invoke with outputs that were computed by the NumPy
 * reference of keras_shiftadd. Returns 0 if all are equal. */
#include <stdio.h>
#include <string.h>

#include "model.h"

#define SAMPLES {samples}

{inputs}

{outputs}

int main(void)
{{
    static int8_t output[MODEL_OUTPUT_SIZE];
    int wrong = 0;
    for (int i = 0; i < SAMPLES; i++) {{
        model_invoke(inputs + i * MODEL_INPUT_SIZE, output);
        if (memcmp(output, outputs + i * MODEL_OUTPUT_SIZE, MODEL_OUTPUT_SIZE) != 0) {{
            printf("sample %d: the outputs differ\\n", i);
            wrong++;
        }}
    }}
    printf("%d of %d samples as recorded\\n", SAMPLES - wrong, SAMPLES);
    return wrong != 0;
}}
"""


def kernel_files(program: Program) -> dict[str, str]:
    """The C files that the program calls, with their headers: text by name."""
    found: dict[str, str] = {}
    wanted = ["shiftadd_micro.h", *(f"{name}.c" for name in program.kernels)]
    while wanted:
        name = wanted.pop()
        if name not in found:
            found[name] = (KERNEL_FOLDER / name).read_text(encoding="utf-8")
            wanted.extend(_INCLUDE.findall(found[name]))
            # A header of helper functions that are not inline has a file beside it.
            beside = name.removesuffix(".h") + ".c"
            if name.endswith(".h") and (KERNEL_FOLDER / beside).exists():
                wanted.append(beside)
    return found


def all_kernel_files() -> set[str]:
    """Names of all files that an export may copy."""
    return {file.name for file in KERNEL_FOLDER.glob("*.[ch]")}


def write_makefile(sources: list[str]) -> str:
    """A Makefile for GNU make."""
    objects = (f"build/{name.removesuffix('.c')}.o" for name in sorted(sources))
    return _MAKEFILE.format(objects=" ".join(objects))


def write_test(inputs: np.ndarray, outputs: np.ndarray) -> str:
    """test_model.c: recorded inputs and outputs, and a program that compares.

    Args:
        inputs: int8 array `(samples, ...)`.
        outputs: int8 array `(samples, ...)`.
    """
    return _TEST.format(
        samples=len(inputs),
        inputs=c_text.array("inputs", inputs),
        outputs=c_text.array("outputs", outputs),
    )
