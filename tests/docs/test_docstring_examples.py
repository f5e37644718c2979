"""The examples in docstrings run, and give what they say."""

import doctest
import inspect

import doc_pages
import keras
import numpy
import pytest

import keras_shiftadd

# Each name is tested on every backend elsewhere.
pytestmark = pytest.mark.skipif(
    keras.backend.backend() == "jax", reason="JAX compiles each example: KERAS_BACKEND=torch"
)
ROOMS = (keras_shiftadd.layers, keras_shiftadd.ops, keras_shiftadd.testing)
# Their examples begin with a model of the reader's.
NEEDS_A_MODEL = ("check_normalization",)


def examples():
    """The `>>>` examples of every public function and class, one set each."""
    parser = doctest.DocTestParser()
    for room in ROOMS:
        for name in room.__all__:
            value = getattr(room, name)
            if not (inspect.isfunction(value) or inspect.isclass(value)) or name in NEEDS_A_MODEL:
                continue
            found = parser.get_examples(inspect.getdoc(value) or "")
            if found:
                yield pytest.param(found, id=f"{room.__name__}.{name}")


@pytest.fixture
def _default_memory_limit():
    limit = keras_shiftadd.ops.memory_limit()
    yield
    keras_shiftadd.ops.set_memory_limit(limit)


@pytest.mark.usefixtures("_default_memory_limit")
@pytest.mark.parametrize("found", list(examples()))
def test_the_example_of_a_docstring_runs(found):
    namespace = {"keras": keras, "keras_shiftadd": keras_shiftadd, "numpy": numpy}
    for example in found:
        if not example.want:
            exec(example.source, namespace)
            continue
        value = eval(example.source, namespace)
        assert doc_pages.shows(value, example.want.strip()), f"{example.source} is {value!r}"
