"""All that knows a vendor is in the vendor's room: its name, its settings, its wire, its codes."""

import ast
import re
from pathlib import Path

import pytest

from marketdata.providers.massive.wire import EVENTS, TAG_FIELD, symbol_field
from tests.architecture.product import ROOT, modules, place, syntax_of, texts

ROOM = "marketdata/providers/massive/"
FORMER_NAME = "polygon"
NAMES = re.compile(rf"{Path(ROOM).name}|{FORMER_NAME}", re.IGNORECASE)
PAGES = ("templates/", "widgets/client/src/")

# What may name the vendor outside its room, each with the reason. Nothing else is to be added here.
EXCEPTIONS = {
    "marketdata/providers/registry.py": "the one line that says which package has which name",
    "mdp_site/dev/demo/environment.py": "the demo sets the provider's variables for its own simulator",
}

# Words of one letter mean too many other things to be looked for.
WIRE_WORDS = {
    word
    for word in (
        TAG_FIELD,
        *(str(event_type) for event_type in EVENTS),
        *(symbol_field(event) for event in EVENTS.values()),
    )
    if len(word) > 1
}


def is_outside(path: Path) -> bool:
    return not str(path.relative_to(ROOT)).startswith((ROOM, *EXCEPTIONS))


def outside() -> list[Path]:
    return [path for path in modules() if is_outside(path)]


def literals(path: Path) -> list[tuple[ast.Constant, str]]:
    return [
        (node, node.value)
        for node in ast.walk(syntax_of(path))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]


def test_no_module_outside_the_room_names_the_vendor_or_its_settings() -> None:
    named = [
        f"{place(path)}:{number}"
        for path in outside()
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if NAMES.search(line)
    ]
    assert named == [], f"say it in the platform's words, or move it to {ROOM}"


def test_no_page_and_no_browser_code_names_the_vendor() -> None:
    pages = [(path, text) for path, text in texts() if str(path.relative_to(ROOT)).startswith(PAGES)]
    assert pages, "no page found: this test has lost its subject"
    assert [place(path) for path, text in pages if NAMES.search(text)] == []


def test_no_module_outside_the_room_reads_or_quotes_the_wire() -> None:
    """Neither in code, as a text of its own, nor in words, in backticks or within quoted JSON."""
    assert {"ev", "sym", "LULD"} <= WIRE_WORDS
    quoted = re.compile("|".join(rf"`{word}`|\"{word}\"" for word in sorted(WIRE_WORDS)))
    spelled = [place(path, node) for path in outside() for node, text in literals(path) if text in WIRE_WORDS]
    spelled += [
        f"{place(path)}:{number}"
        for path in outside()
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if quoted.search(line)
    ]
    assert spelled == [], f"a provider's decoder gives columns of marketdata.events; its wire stays in {ROOM}"


@pytest.mark.parametrize("exception", EXCEPTIONS)
def test_an_exception_that_nothing_needs_any_more_is_taken_out(exception: str) -> None:
    excused = [path for path in modules() if str(path.relative_to(ROOT)).startswith(exception)]
    assert any(NAMES.search(path.read_text()) for path in excused), f"take {exception} out of EXCEPTIONS"
