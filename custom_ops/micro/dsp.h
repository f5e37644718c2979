/* Whether the core has Arm's DSP instructions: Cortex-M4, M7, M33 and later ones. */
#ifndef KERAS_SHIFTADD_MICRO_DSP_H_
#define KERAS_SHIFTADD_MICRO_DSP_H_

#if defined(__ARM_FEATURE_DSP) && defined(__thumb2__)
#define KSA_DSP 1
#else
#define KSA_DSP 0
#endif

#endif /* KERAS_SHIFTADD_MICRO_DSP_H_ */
