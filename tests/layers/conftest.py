"""Inputs of attention layers."""

import pytest


# The same shapes wherever they will do: JAX compiles each operation for each shape.
@pytest.fixture
def tensors(rng):
    """Query, value and key of different numbers of tokens and channels."""
    shapes = {"query": (4, 5, 6), "value": (4, 6, 4), "key": (4, 6, 9)}
    return {name: rng.normal(size=shape).astype("float32") for name, shape in shapes.items()}


@pytest.fixture
def x(tensors):
    """One tensor that attends to itself."""
    return tensors["query"]
