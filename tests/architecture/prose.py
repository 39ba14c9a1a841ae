"""The prose of a document: its text without code, tables' rules and what programs write into it. Pure."""

import re
from collections.abc import Iterator, Sequence

_CODE_BLOCK = re.compile(r"^ *```.*?^ *```$", re.DOTALL | re.MULTILINE)
_GENERATED = re.compile(r"<!-- schema: .*?<!-- end of schema -->", re.DOTALL)
_CODE = re.compile(r"`[^`]*`")
_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")
_ITEM = re.compile(r"^ *(?:[-*]|\d+\.) +")
_CELLS = re.compile(r"(?<!\\)\|")
_RULE = re.compile(r"[-: ]*")
_END = re.compile(r"(?<=[.!?])\s+|(?<=[.!?][*)])\s+|(?<=[.!?]\*\*)\s+")
_WORD = re.compile(r"\w+")

CODE = "code"
"""Stands for a piece of code, which counts as one word."""


def paragraphs(document: str) -> Iterator[str]:
    """Each paragraph, list item, heading and table cell of a Markdown document, as one line."""
    gathered: list[str] = []
    for line in [*_GENERATED.sub("", _CODE_BLOCK.sub("", document)).splitlines(), ""]:
        alone = line.startswith(("#", "|", "    ")) or not line.strip()
        if (alone or _ITEM.match(line)) and gathered:
            yield _plain(" ".join(gathered))
            gathered = []
        if line.startswith("|"):
            cells = (cell.strip() for cell in _CELLS.split(_plain(line))[1:-1])
            yield from (cell for cell in cells if not _RULE.fullmatch(cell))
        elif line.startswith("#"):
            yield _plain(line).lstrip("# ")
        elif not alone:
            gathered.append(_ITEM.sub("", line, count=1).strip())


def sentences(document: str) -> Iterator[str]:
    """Each sentence of a document. A heading and a cell without a full stop are one, too."""
    for paragraph in paragraphs(document):
        yield from _END.split(paragraph)


def words(sentence: str) -> Sequence[str]:
    """The words of a sentence, with figures among them."""
    return _WORD.findall(sentence)


def _plain(line: str) -> str:
    return _LINK.sub(r"\1", _CODE.sub(CODE, line))
