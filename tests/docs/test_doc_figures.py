"""Tables of the documentation are those of the measurements in `benchmarks/results`.

A comment `<!-- benchmarks/NAME.py --render benchmarks/results/NAME.json -->` stands above each.
"""

import re
import shlex
import subprocess
import sys

import doc_pages
import pytest

COMMAND = re.compile(r"<!-- (benchmarks/\S+\.py --render \S+) -->")
QUOTED = [
    (page, command)
    for page in doc_pages.TEXTS
    for command in COMMAND.findall(page.read_text(encoding="utf-8"))
]
RESULTS = sorted((doc_pages.ROOT / "benchmarks" / "results").glob("*.json"))

pytestmark = pytest.mark.once


@pytest.mark.parametrize(("page", "command"), QUOTED)
def test_a_quoted_table_is_what_the_measurements_give(page, command):
    rendered = subprocess.run(
        [sys.executable, *shlex.split(command)],
        cwd=doc_pages.ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    ).stdout
    table = [line for line in rendered.splitlines() if line.startswith("|")]
    assert table
    behind = page.read_text(encoding="utf-8").partition(f"<!-- {command} -->")[2]
    assert [line for line in behind.splitlines() if line.startswith("|")][: len(table)] == table


@pytest.mark.parametrize("file", RESULTS, ids=lambda file: file.stem)
def test_measurements_that_are_kept_are_quoted(file):
    assert any(command.endswith(f"results/{file.name}") for _, command in QUOTED)
