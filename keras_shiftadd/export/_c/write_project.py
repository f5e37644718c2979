"""The files around the generated C: a Makefile, and a test for the host."""

import numpy as np

from keras_shiftadd.export._c import c_text
from keras_shiftadd.export._c.kernels import CMSIS_NN

_MAKEFILE = """\
# Written by keras_shiftadd.
#   make test                      compiles the network for this machine and compares its outputs
#   make CC=arm-none-eabi-gcc CFLAGS="-O3 -mcpu=cortex-m4 -mthumb"
#                                  makes build/libmodel.a for a microcontroller
{settings}CFLAGS ?= -O3
MODEL_CFLAGS = -std=c99 -Wall -Wextra -ffunction-sections -fdata-sections
OBJECTS = {objects}
{library}
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

_CMSIS_NN_SETTINGS = """\
# On Arm's processors convolutions run on CMSIS-NN (4.0.0 was tried). Name the folders in which its
# Include and Source lie, and the Include of CMSIS-Core:
#   make CC=... CFLAGS=... CMSIS_NN=folder CMSIS_CORE=folder
"""

_CMSIS_NN_LIBRARY = """
ifdef CMSIS_NN
CMSIS_FLAGS = -I$(CMSIS_NN)/Include -I$(CMSIS_CORE)/Include
OBJECTS += $(patsubst $(CMSIS_NN)/Source/%.c,build/%.o,$(wildcard $(CMSIS_NN)/Source/*/*.c))
endif

build/cmsis_nn_conv.o: MODEL_CFLAGS += $(CMSIS_FLAGS)

build/%.o: $(CMSIS_NN)/Source/%.c
\tmkdir -p $(@D)
\t$(CC) -std=gnu99 -ffunction-sections -fdata-sections $(CMSIS_FLAGS) $(CFLAGS) -c -o $@ $<
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


def write_makefile(sources: list[str]) -> str:
    """A Makefile for GNU make; one of the sources may call CMSIS-NN."""
    cmsis_nn = f"{CMSIS_NN.name}.c" in sources
    objects = (f"build/{name.removesuffix('.c')}.o" for name in sorted(sources))
    return _MAKEFILE.format(
        objects=" ".join(objects),
        settings=_CMSIS_NN_SETTINGS if cmsis_nn else "",
        library=_CMSIS_NN_LIBRARY if cmsis_nn else "",
    )


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
