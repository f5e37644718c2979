"""Reads and writes the .tflite format."""
