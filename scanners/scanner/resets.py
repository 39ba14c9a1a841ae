"""The instruction that begins boards anew. The leader does it within its next pass; others stand by."""

from collections.abc import Collection, Mapping
from typing import Any

from marketdata.errors import ConfigurationError
from marketdata.schema.boards import ALL_BOARDS
from scanners.instructions import ALL, BOARDS


def boards_to_reset(arguments: Mapping[str, Any]) -> Collection[str]:
    """The boards that the argument `board` names.

    Raises:
        ConfigurationError: there is no such board.
    """
    named = arguments.get("board")
    if named == ALL:
        return ALL_BOARDS
    if named not in BOARDS:
        raise ConfigurationError(f"board is {named!r}; accepted: {', '.join(BOARDS)}")
    return (named,)


def reset_words(boards: Collection[str], row_count: int) -> str:
    """What was done: `row_count` symbols were read again."""
    number = "1 board" if len(boards) == 1 else f"{len(boards)} boards"
    symbols = "1 symbol" if row_count == 1 else f"{row_count:,} symbols"
    return f"began {number} anew, and read {symbols} again"
