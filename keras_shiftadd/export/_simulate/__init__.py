"""Compiles C for a processor, runs it in an emulator, and counts the instructions."""
