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

/* Named, so that they are not counted as memory of the network. */
int8_t simulation_input[MODEL_INPUT_SIZE];
int8_t simulation_output[MODEL_OUTPUT_SIZE];

STARTUP int main(void)
{
    const intptr_t inputs = semihosting_open(inputs_name, SEMIHOSTING_READ);
    const intptr_t outputs = semihosting_open(outputs_name, SEMIHOSTING_WRITE);
    while (semihosting_read(inputs, simulation_input, MODEL_INPUT_SIZE) == 0) {
        model_invoke(simulation_input, simulation_output);
        semihosting_write(outputs, simulation_output, MODEL_OUTPUT_SIZE);
    }
    semihosting_close(outputs);
    semihosting_exit();
    return 0;
}
