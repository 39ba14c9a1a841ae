"""The parts of REST answers: validated queries, listings in pages, errors with a status."""

import base64
import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec


class RestError(Exception):
    """An answer other than 200. Without a body the provider's documented one for the status is sent."""

    def __init__(self, status: int, body: Mapping[str, str] | None = None) -> None:
        super().__init__(f"HTTP {status}")
        self.status: Final = status
        self.body: Final = body

    @classmethod
    def bad_request(cls, parameter: str, problem: str) -> "RestError":
        """A 400 that names the parameter and what is wrong with it."""
        return cls(400, {"status": "ERROR", "error": f"{parameter} {problem}"})


class PagedRows(msgspec.Struct, frozen=True, kw_only=True):
    """Rows that are sent in pages; `render` makes the body of one row, for the rows of a page only.

    `extra` are further fields of the body; with `omit_empty` a body without rows has no `results` at all.
    """

    rows: Sequence[Any]
    render: Callable[[Any], Mapping[str, Any]]
    default_limit: int
    max_limit: int
    integer_request_id: bool = False
    extra: Mapping[str, Any] = {}
    omit_empty: bool = False


class Query:
    """Path and query parameters of one call."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values: Final = values

    def text(self, name: str, default: str = "") -> str:
        """The text of a parameter, or the default."""
        return self._values.get(name, default)

    def names(self, name: str) -> frozenset[str] | None:
        """A comma list, or None when the parameter is absent."""
        text = self._values.get(name)
        return frozenset(part.strip() for part in text.split(",")) if text else None

    def integer(self, name: str, default: int, low: int, high: int) -> int:
        """A whole number within bounds.

        Raises:
            RestError: 400, it is none.
        """
        text = self._values.get(name)
        if text is None:
            return default
        if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
            raise RestError.bad_request(name, f"must be a whole number from {low} to {high}, got {text!r}")
        return int(text)

    def date(self, name: str) -> dt.date:
        """A date as YYYY-MM-DD.

        Raises:
            RestError: 400, it is none.
        """
        text = self._values.get(name, "")
        try:
            return dt.date.fromisoformat(text)
        except ValueError as error:
            raise RestError.bad_request(name, f"must be a date YYYY-MM-DD, got {text!r}") from error


def cursor_of(parameters: Mapping[str, str]) -> str:
    """The cursor of a further page: its query as a text."""
    return base64.urlsafe_b64encode(msgspec.json.encode(parameters)).decode()


def parameters_of(cursor: str) -> Mapping[str, str]:
    """The query that is encoded in a cursor.

    Raises:
        RestError: 400, it is none that this server gave out.
    """
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(cursor), type=dict[str, str])
    except ValueError as error:
        raise RestError.bad_request("cursor", "is not one that this server gave out") from error
