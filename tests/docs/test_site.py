"""The site builds without a warning, holds every public name, and its links lead somewhere."""

import importlib
import importlib.util
import inspect
import os
import re
import sys
import urllib.parse

import doc_pages
import pytest
import test_doc_names

if importlib.util.find_spec("mkdocstrings") is None:
    pytest.skip(
        "mkdocs-material and mkdocstrings are missing: pip install -r requirements/docs.txt",
        allow_module_level=True,
    )
pytestmark = pytest.mark.once

ANCHOR = re.compile(r'\bid="?([^"\s>]+)')
TARGET = re.compile(r'\b(?:href|src)="?([^"\s>]+)')
# Relative to the top of the server that shows it, which the builder does not know.
NOT_FOUND_PAGE = "404.html"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of a site that was built with warnings as errors."""
    os.environ.setdefault("NO_MKDOCS_2_WARNING", "1")
    from mkdocs.commands.build import build
    from mkdocs.config import load_config

    folder = tmp_path_factory.mktemp("site")
    path = list(sys.path)
    config = load_config(str(doc_pages.ROOT / "mkdocs.yml"), site_dir=str(folder), strict=True)
    config.plugins.on_startup(command="build", dirty=False)
    try:
        build(config)  # raises at the first warning
    finally:
        sys.path[:] = path
    return folder


@pytest.fixture(scope="module")
def texts(site):
    """The HTML of each page of the site."""
    return {page: page.read_text(encoding="utf-8") for page in sorted(site.rglob("*.html"))}


def public_names():
    """Public functions, classes and constants; the rooms themselves have pages."""
    return [
        f"{module.__name__}.{name}"
        for module, name in test_doc_names.public()
        if name != "__version__" and not is_room(getattr(module, name))
    ]


def is_room(value):
    return inspect.ismodule(value) and value.__name__.count(".") == 1


def test_every_public_name_has_its_place_in_the_api(texts):
    found = {
        anchor
        for page, text in texts.items()
        if page.parent.name == "api"
        for anchor in ANCHOR.findall(text)
    }
    assert set(public_names()) <= found


def test_every_room_has_a_page_in_the_api(site):
    rooms = [
        name
        for name in importlib.import_module("keras_shiftadd").__all__
        if is_room(getattr(importlib.import_module("keras_shiftadd"), name))
    ]
    assert {f"{room}.html" for room in rooms} <= {page.name for page in (site / "api").iterdir()}


def test_links_within_the_site_resolve(site, texts):
    anchors = {page: set(map(urllib.parse.unquote, ANCHOR.findall(texts[page]))) for page in texts}
    broken = set()
    for page, text in texts.items():
        if page.name == NOT_FOUND_PAGE:
            continue
        for target in TARGET.findall(text):
            parts = urllib.parse.urlsplit(target.replace("&amp;", "&"))
            if parts.scheme:
                continue
            file = (
                (page.parent / urllib.parse.unquote(parts.path)).resolve() if parts.path else page
            )
            file = file / "index.html" if file.is_dir() else file
            anchor = urllib.parse.unquote(parts.fragment)
            if not file.is_file() or (
                anchor and not anchor.startswith("__") and anchor not in anchors[file]
            ):
                broken.add(f"{page.relative_to(site)}: {target}")
    assert not broken


def test_pages_load_nothing_from_elsewhere(texts):
    loads = re.compile(r"<(?:script|img|iframe|link)\b[^>]*\bhttps?:[^>]*>")
    assert not [found for text in texts.values() for found in loads.findall(text)]


def test_equations_are_drawn_without_scripts(texts):
    assert not [page.name for page, text in texts.items() if 'class="arithmatex"' in text]
    assert sum(text.count("<math ") for text in texts.values()) > 50
