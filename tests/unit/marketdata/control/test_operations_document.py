"""docs/operations.md explains each rule of the verdict and each book, and no other."""

import re
from pathlib import Path

import marketdata.control
from tests.architecture.product import ROOT

DOCUMENT = (ROOT / "docs" / "operations.md").read_text()


def test_each_rule_is_explained_and_each_explained_rule_exists() -> None:
    sources = [path.read_text() for path in Path(marketdata.control.__path__[0]).glob("*.py")]
    rules = {rule for text in sources for rule in re.findall(r'"([a-z]+(?: [a-z]+)+)"', text)}
    table = DOCUMENT.partition("## The verdict")[2].partition("###")[0]
    explained = set(re.findall(r"^\| ([a-z ]+) \|", table, re.MULTILINE)) - {"rule"}
    assert len(explained) > 30
    assert explained <= rules
    named = {rule for text in sources for rule in re.findall(r'rule="([a-z ]+)"', text)}
    assert named <= explained


def test_each_book_is_explained() -> None:
    books: set[str] = set()
    for room in ("marketdata", "scanners", "widgets"):
        for path in (ROOT / room).rglob("*.py"):
            if "node_modules" not in path.parts:
                books |= set(re.findall(r'name="((?:listener|processor|scanner|web) \w+)"', path.read_text()))
    table = DOCUMENT.partition("### Stages")[2].partition("### Queues")[0]
    assert books == set(re.findall(r"^\| (\w+ \w+) \|", table, re.MULTILINE))
