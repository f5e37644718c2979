"""Helpers of tests, examples and benchmarks, which are imported by their bare names."""

import pathlib
from collections import Counter

ROOT = pathlib.Path(__file__).resolve().parents[2]


def test_no_two_modules_that_are_imported_by_their_bare_names_share_one():
    helpers = [
        file
        for file in (ROOT / "tests").rglob("*.py")
        if file.stem != "conftest" and not file.stem.startswith("test_")
    ]
    scripts = [file for room in ("examples", "benchmarks") for file in (ROOT / room).glob("*.py")]
    counts = Counter(file.stem for file in [*helpers, *scripts])
    assert [name for name, count in counts.items() if count > 1] == []
