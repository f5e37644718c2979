"""Reads a Keras model as steps, and measures the ranges of its tensors."""
