"""Writes steps as builtin operators of a .tflite file."""
