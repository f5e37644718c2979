"""Searches of more than one process."""
