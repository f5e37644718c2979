#define KSA_STEP(a, b) ((a) * (b))
#define KSA_MATMUL ksa_matmul
#include "matmul.h"
