"""Helpers of tests, which are imported by their bare names in one process."""

import pathlib
from collections import Counter

ROOT = pathlib.Path(__file__).resolve().parents[2]


def test_no_helper_of_tests_has_the_name_of_another_helper_or_script():
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
