"""What became of a run of a job, in one line."""

from typing import Final

MOST_CHARACTERS: Final = 160
_TRACEBACK: Final = " : Traceback (most recent call last):"
"""What django-q2 puts between the message of an error and the calls that led to it."""


def outcome_line(result: object) -> str:
    """The first line of a stored result, shortened. Of an error without a message it is the last line."""
    if not isinstance(result, str):
        return ""
    first, _, rest = result.strip("\n").partition("\n")
    message = first.removesuffix(_TRACEBACK)
    if not message.strip() and rest:
        message = rest.rstrip().rpartition("\n")[2]
    return message.strip()[:MOST_CHARACTERS]
