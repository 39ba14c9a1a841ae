"""Plain words: folders that have been rewritten keep the field's terms in code, comments and docstrings.

A word counts wherever it stands alone or as a part of a name such as `_note_trouble`. Folders are added here
when they have been rewritten. Their numbers are leftovers that a contract fixes; they may only fall.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest

from tests.architecture.product import ROOT, modules

PLAIN: Final[Mapping[str, str]] = {
    "aim": "target",
    "aimed": "target",
    "lent": "delivered, unacknowledged",
    "loan": "unacknowledged",
    "loans": "unacknowledged",
    "nobody": "no process, no client",
    "sheet": "private columns",
    "sheets": "private columns",
    "stirred": "available, changed",
    "tell": "publish, announce, report, send",
    "telling": "publishing, announcing, reporting",
    "tells": "publishes, announces, reports, sends",
    "told": "published, announced, reported, counted, sent",
    "trouble": "failure",
    "troubles": "failures",
    "whoever": "the process that, the module that",
}
"""Private words of this code, and the terms that say the same."""

LEFTOVERS: Final[Mapping[str, int]] = {
    "marketdata": 0,
    "marketdata/codec": 0,
    "marketdata/control": 0,
    "marketdata/kernels": 0,
    "marketdata/listener": 1,  # `trouble` of the recorder, which is in another folder
    "marketdata/management": 0,
    "marketdata/observability": 0,
    "marketdata/providers": 0,
    "marketdata/recording": 0,
    "marketdata/reference": 2,  # the definition of a column; the field `told_ms` of stored records
    "marketdata/replay_server": 0,
    "marketdata/runtime": 0,
    "marketdata/schema": 0,
    "marketdata/simulator": 0,
    "marketdata/store": 1,  # the key `mdp:sheet:` in the cache
    "marketdata/synthetic_market": 0,
    "marketdata/trading_calendar": 0,
    "marketdata/transport": 2,  # the key `:loan` in Redis, and its description
    "scanners/analysis": 0,
    "scanners/analyzers": 2,  # the names of stored private columns, `halts_told` and `told_00`
    "scanners/processor": 0,
    "mdp_site/control_plane": 0,
    "widgets/hub/feeds": 0,
    "widgets/protocol": 0,
}
"""How many private words are left in the modules of each rewritten folder.

A folder includes those below it. `marketdata` stands for its own modules only.
"""

_PRIVATE: Final = re.compile(rf"(?<![a-z])(?:{'|'.join(PLAIN)})(?![a-z])", re.IGNORECASE)


def in_folder(folder: str) -> Iterator[Path]:
    """The modules that are counted for a folder."""
    for path in modules():
        parent = path.relative_to(ROOT).parent
        if parent == Path(folder) or ("/" in folder and Path(folder) in parent.parents):
            yield path


def private_words(text: str) -> Iterator[tuple[int, str]]:
    """The private words in a text, each with its line."""
    for number, line in enumerate(text.splitlines(), 1):
        for found in _PRIVATE.finditer(line):
            yield number, found[0]


@pytest.mark.parametrize("folder", LEFTOVERS)
def test_rewritten_folders_use_plain_words(folder: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number} {word!r}: say {PLAIN[word.lower()]}"
        for path in in_folder(folder)
        for number, word in private_words(path.read_text())
    ]
    assert len(found) <= LEFTOVERS[folder], "\n".join(found)


@pytest.mark.parametrize("folder", LEFTOVERS)
def test_each_rewritten_folder_has_modules(folder: str) -> None:
    assert any(in_folder(folder)), f"{folder} has no modules: correct or remove it in LEFTOVERS"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("def _note_trouble(self):", ["trouble"]),
        ("self._on_loan = told_ms  # Nobody tells", ["loan", "told", "Nobody", "tells"]),
        ("intelligent storytelling, untold claims and troubleshooting", []),
    ],
)
def test_private_words_are_found_as_words_and_as_parts_of_names(text: str, words: list[str]) -> None:
    assert [word for _, word in private_words(text)] == words
