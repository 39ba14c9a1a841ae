"""The parameters that operations share, and what they read of feeds."""

from collections.abc import Sequence
from typing import Annotated, Final, Literal, TypeAlias

from django.core.exceptions import TooManyFieldsSent
from django.http import HttpRequest
from ninja import Path, Query

from marketdata.events import LONGEST_SYMBOL, SYMBOL_PATTERN, SYMBOL_RULE, is_symbol
from mdp_site.api.paging import LONGEST_CURSOR
from mdp_site.api.problems import Fault, Problem, pointer_part
from mdp_site.api.services import ApiServices
from widgets.data_state import DataState
from widgets.hub.feeds import BadChoiceError, Feed
from widgets.protocol import FeedSnapshot, Status

FETCH_SECONDS: Final = 2.0
"""How long a request waits for data that must be read first."""
KEEP_SECONDS: Final = 30.0
"""How long a feed is followed after a request: the next one is answered from memory."""
RETRY_SECONDS: Final = "2"
MOST_ROWS: Final = 500
MOST_SYMBOLS: Final = 50
MOST_COLUMNS_LENGTH: Final = 4_000

Limit: TypeAlias = Annotated[
    int,
    Query(ge=1, le=MOST_ROWS, description="At most so many rows.", examples=[20]),
]
Columns: TypeAlias = Annotated[
    str | None,
    Query(
        max_length=MOST_COLUMNS_LENGTH,
        pattern=r"^[a-z0-9_]+(,[a-z0-9_]+)*$",
        description="The wanted columns, separated by commas. They are sent in the order of the feed. If it "
        "is absent: all.",
        examples=["close,volume"],
    ),
]
Format: TypeAlias = Annotated[
    Literal["json", "csv"],
    Query(
        description="`csv`: a file with a line of names. Its position is in the headers.", examples=["json"]
    ),
]
Cursor: TypeAlias = Annotated[
    str | None,
    Query(
        max_length=LONGEST_CURSOR,
        pattern=r"^[A-Za-z0-9_-]+$",
        description="`next_cursor` of the page before. If it is absent: the first page.",
    ),
]
Symbol: TypeAlias = Annotated[
    str,
    Path(
        min_length=1,
        max_length=LONGEST_SYMBOL,
        pattern=SYMBOL_PATTERN.replace(r"\A", "^").replace(r"\Z", "$"),  # as ECMA 262 writes it
        description=f"A symbol, case-sensitive: {SYMBOL_RULE}. Encode `/`, `#`, `%` for a path.",
        examples=["AAPL"],
    ),
]


def invalid(place: str, name: str, detail: str) -> Problem:
    """The problem of one parameter. `place` is `query` or `path`."""
    return Problem("invalid_parameter", f"{name}: {detail}", faults=[Fault(f"#/{place}/{name}", detail)])


def checked_symbol(symbol: str, place: str, name: str) -> str:
    """The symbol.

    Raises:
        Problem: it is not one.
    """
    if not is_symbol(symbol):
        raise invalid(place, name, f"not a symbol; accepted: {SYMBOL_RULE}")
    return symbol


def columns_of(services: ApiServices, feed: Feed, columns: str | None) -> Sequence[str]:
    """The chosen columns of a feed, in its order.

    Raises:
        Problem: the feed does not have them.
    """
    if columns is None:
        return feed.columns
    try:
        return services.catalog.chosen(feed.name, columns.split(",")).columns
    except BadChoiceError as error:
        raise invalid("query", "columns", str(error)) from error


def status_of(services: ApiServices) -> Status:
    """The state of the data.

    Raises:
        Problem: it is not known yet: the process has just started.
    """
    services.hub.start()
    status = services.hub.data_status()
    if status is None:
        raise unavailable("the state of the data is not known yet: this process has just started")
    return status


async def fetched(services: ApiServices, feed: Feed) -> tuple[FeedSnapshot, DataState]:
    """The newest state of a feed, and the state of all data.

    Raises:
        Problem: the feed cannot be read now.
    """
    services.hub.start()
    snapshot = await services.hub.fetch(feed, FETCH_SECONDS, KEEP_SECONDS)
    status = status_of(services)
    if snapshot is None:
        raise unavailable(
            f"{feed.name} is not there yet; the state of the data: {status.state}, {status.detail}"
        )
    return snapshot, status.state


def away(error: Exception) -> Problem:
    """The problem of a cache that does not answer."""
    return unavailable(f"the market data cache cannot be read now ({type(error).__name__})")


def unavailable(detail: str) -> Problem:
    """The problem of what cannot be read now."""
    return Problem("unavailable", detail, headers={"Retry-After": RETRY_SECONDS})


def refuse_unknown_parameters(request: HttpRequest, accepted: Sequence[str]) -> None:
    """Refuse a query with a parameter that the operation does not have, or has twice.

    Raises:
        Problem: it has one. A misspelt parameter that is ignored would give a wrong answer.
    """
    try:
        given = request.GET
    except TooManyFieldsSent as error:  # Django reads no query of so many parameters
        raise Problem("invalid_parameter", f"too many parameters; accepted: {_listed(accepted)}") from error
    faults = []
    for name, values in given.lists():
        if name not in accepted:
            detail = f"no such parameter; accepted: {_listed(accepted)}"
            faults.append(Fault(f"#/query/{pointer_part(name)}", detail))
        elif len(values) > 1:
            faults.append(Fault(f"#/query/{pointer_part(name)}", f"{len(values)} values; accepted: one"))
    if faults:
        raise Problem("invalid_parameter", faults[0].detail, faults=faults[:20])


def _listed(accepted: Sequence[str]) -> str:
    return ", ".join(accepted) or "none"
