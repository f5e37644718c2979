/* Runs a network on each sample of the file inputs.bin and writes outputs.bin, through the
 * semihosting of an emulator. */
#include <stdint.h>

#include "model.h"
#include "semihosting.h"

/* Apart from the code of the network, so that its size can be told. */
#define STARTUP __attribute__((section(".startup")))
#define STARTUP_CONSTANT __attribute__((section(".startup.names"))) static const

STARTUP_CONSTANT char inputs_name[] = "inputs.bin";
STARTUP_CONSTANT char outputs_name[] = "outputs.bin";

STARTUP int main(void)
{
    static int8_t input[MODEL_INPUT_SIZE], output[MODEL_OUTPUT_SIZE];
    const intptr_t inputs = semihosting_open(inputs_name, SEMIHOSTING_READ);
    const intptr_t outputs = semihosting_open(outputs_name, SEMIHOSTING_WRITE);
    while (semihosting_read(inputs, input, sizeof input) == 0) {
        model_invoke(input, output);
        semihosting_write(outputs, output, sizeof output);
    }
    semihosting_close(outputs);
    semihosting_exit();
    return 0;
}
