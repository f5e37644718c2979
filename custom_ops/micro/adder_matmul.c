#define KSA_STEP(a, b) ((a) < (b) ? (a) - (b) : (b) - (a))
#define KSA_MATMUL ksa_adder_matmul
#include "matmul.h"
