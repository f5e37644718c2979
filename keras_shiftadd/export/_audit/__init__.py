"""Lists what a .tflite file computes."""
