"""Every public name is in the documentation and in its own docstring."""

import importlib
import inspect
import re

import doc_pages
import pytest

ROOMS = (
    "",
    ".layers",
    ".ops",
    ".testing",
    ".cost",
    ".models",
    ".callbacks",
    ".tuners",
    ".export",
    ".custom_ops",
    ".compression",
)
SECTION = re.compile(r"^(Args|Returns|Raises|Example|Note|Reference):$", re.MULTILINE)


def public():
    """(module, name) for every public name of every room."""
    for room in ROOMS:
        module = importlib.import_module(f"keras_shiftadd{room}")
        yield from ((module, name) for name in module.__all__)


def documented_objects():
    """The public functions and classes."""
    found = [(f"{module.__name__}.{name}", getattr(module, name)) for module, name in public()]
    return [
        pytest.param(value, id=name)
        for name, value in found
        if inspect.isfunction(value) or inspect.isclass(value)
    ]


def reference_functions():
    """The functions of keras_shiftadd.testing.reference."""
    reference = importlib.import_module("keras_shiftadd.testing.reference")
    return [
        pytest.param(value, id=f"reference.{name}")
        for name, value in vars(reference).items()
        if inspect.isfunction(value) and not name.startswith("_")
    ]


def sections(value):
    return set(SECTION.findall(inspect.getdoc(value) or ""))


def parameters(value):
    return [name for name in inspect.signature(value).parameters if name not in ("args", "kwargs")]


def is_exception(value):
    return inspect.isclass(value) and issubclass(value, BaseException)


def is_record(value):
    """A data class: users receive it, and rarely make one."""
    return hasattr(value, "__dataclass_fields__")


@pytest.mark.parametrize("module", ROOMS)
def test_every_public_name_is_in_the_documentation(module):
    text = "\n".join(page.read_text(encoding="utf-8") for page in doc_pages.TEXTS)
    names = importlib.import_module(f"keras_shiftadd{module}").__all__
    missing = [name for name in names if not re.search(rf"(?<!\w){name}(?!\w)", text)]
    assert not missing


@pytest.mark.parametrize("value", documented_objects())
def test_a_docstring_starts_with_one_sentence(value):
    first = (value.__doc__ or "").split("\n")[0].strip()
    assert first.endswith((".", "?"))


@pytest.mark.parametrize("value", [*documented_objects(), *reference_functions()])
def test_a_docstring_describes_every_argument(value):
    if is_exception(value) or not parameters(value):
        return
    lines = (inspect.getdoc(value) or "").split("\n")
    assert "Args:" in lines
    missing = [
        name
        for name in parameters(value)
        if not any(re.match(rf"    {name}\b.*:", line) for line in lines)
    ]
    assert not missing or (is_record(value) and set(missing) <= inherited_fields(value))


def inherited_fields(value):
    return {name for base in value.__mro__[1:] for name in getattr(base, "__annotations__", {})}


@pytest.mark.parametrize("value", [*documented_objects(), *reference_functions()])
def test_a_function_says_what_it_returns_or_raises(value):
    if inspect.isfunction(value):
        assert sections(value) & {"Returns", "Raises"}


@pytest.mark.parametrize("value", documented_objects())
def test_a_docstring_has_an_example(value):
    if not (is_exception(value) or is_record(value)):
        assert "Example" in sections(value)
