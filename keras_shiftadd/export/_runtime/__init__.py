"""Runs .tflite files."""
