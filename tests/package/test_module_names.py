"""Modules that tests import by their bare names, from one process."""

import pathlib
from collections import Counter

ROOT = pathlib.Path(__file__).resolve().parents[2]


def test_no_two_modules_that_tests_import_have_one_name():
    helpers = [
        file.stem
        for file in (ROOT / "tests").rglob("*.py")
        if file.stem != "conftest" and not file.stem.startswith("test_")
    ]
    scripts = {
        file.stem for room in ("examples", "benchmarks") for file in (ROOT / room).glob("*.py")
    }
    counts = Counter([*helpers, *scripts])
    assert [name for name, count in counts.items() if count > 1] == []
