"""The parts of a supernet, their training and their files."""
