"""docs/operations.md explains each book, and no other."""

import re

from tests.architecture.product import ROOT

DOCUMENT = (ROOT / "docs" / "operations.md").read_text()


def test_each_book_is_explained() -> None:
    books: set[str] = set()
    for room in ("marketdata", "scanners", "widgets"):
        for path in (ROOT / room).rglob("*.py"):
            if "node_modules" not in path.parts:
                books |= set(re.findall(r'name="((?:listener|processor|scanner|web) \w+)"', path.read_text()))
    table = DOCUMENT.partition("### Stages")[2].partition("### Queues")[0]
    assert books == set(re.findall(r"^\| (\w+ \w+) \|", table, re.MULTILINE))
