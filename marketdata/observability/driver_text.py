"""Makes the Redis driver's error messages safe to show: the cause, without the failed command."""

import re
from typing import Final

from marketdata.observability.foreign_text import TextFilter

_COMMAND_OF_PIPELINE: Final = re.compile(
    r"Command # \d+ \(.*\) of pipeline caused error: (?P<cause>.*)", re.DOTALL
)
_TUPLE_OF_ONE: Final = re.compile(r"\((?P<quote>['\"])(?P<words>.*)(?P=quote),\)", re.DOTALL)
_shown: Final = TextFilter()

_CLOSED_HANDLE: Final = "the handler is closed"
"""What uvloop says in `UVHandle._ensure_alive` of a connection that was lost while a driver writes to it."""


def is_lost_connection(error: RuntimeError) -> bool:
    """Whether the event loop says that the connection is closed.

    asyncio has an `OSError` for this; uvloop raises a `RuntimeError`, which no driver expects.
    """
    return _CLOSED_HANDLE in str(error)


def driver_text(error: Exception) -> str:
    """The class and the message of a driver's error: one printable line of limited length.

    For a pipeline, the driver puts the failed command before the cause, with the bytes of its values. These
    are the platform's data, of any kind and size; no log and no page may show them. The greedy match finds
    the end of the command, whatever its values contain.
    """
    words = str(error)
    if found := _COMMAND_OF_PIPELINE.fullmatch(words):
        words = found["cause"]
        if quoted := _TUPLE_OF_ONE.fullmatch(words):
            words = quoted["words"]
    printable = "".join(character if character.isprintable() else " " for character in words)
    return _shown(f"{type(error).__name__}: {printable}")
