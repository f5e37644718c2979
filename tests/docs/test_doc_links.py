"""Links of the documentation lead somewhere, and its words are meant for users."""

import re

import doc_pages
import pytest

LINK = re.compile(r"\[[^\]]*\]\(\s*([^)\s]+)\s*\)")
HEADING = re.compile(r"^#+\s+(.+)$", re.MULTILINE)
ABSOLUTE_PATH = re.compile(r"(?<![\w.\-/<:])/(?:home|root|work|tmp|usr|var|opt|mnt|Users|etc)/")


def anchors(page):
    """The anchors that the headings of a page get on the usual code hosts."""
    headings = HEADING.findall(doc_pages.prose(page))
    kept = [re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings]
    return {heading.strip().replace(" ", "-") for heading in kept}


@pytest.mark.parametrize("page", doc_pages.TEXTS, ids=lambda page: page.stem)
def test_relative_links_resolve(page):
    broken = []
    for target in LINK.findall(doc_pages.prose(page)):
        if target.startswith(("http://", "https://", "mailto:")):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            broken.append(target)
    assert not broken


@pytest.mark.parametrize("page", doc_pages.TEXTS, ids=lambda page: page.stem)
def test_a_page_names_no_machine_and_leaves_nothing_open(page):
    text = page.read_text(encoding="utf-8")
    assert not ABSOLUTE_PATH.findall(text)
    assert not re.findall(r"\b(?:TODO|FIXME|XXX)\b", text)


def test_every_page_is_on_the_map():
    index = doc_pages.ROOT / "docs" / "index.md"
    targets = set(LINK.findall(doc_pages.prose(index)))
    assert {page.name for page in doc_pages.PAGES} - {"index.md"} <= targets
