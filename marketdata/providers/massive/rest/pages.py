"""Reading a listing page by page to its end, whatever the provider says about where that is."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeAlias, TypeVar

from marketdata.errors import ContentError, MarketDataError
from marketdata.providers.massive.rest.wire import Page
from marketdata.reference.facts import Listing

MOST_PAGES: Final = 200
"""Of one listing. The longest has 11 (11,000 tickers); a server may give fewer rows a page than are asked
for."""

Row = TypeVar("Row")
ReadPage: TypeAlias = Callable[[Mapping[str, str]], Awaitable[Page[Row]]]


async def read_listing(read_page: ReadPage[Row], endpoint: str) -> Listing[Row]:
    """All rows of a listing. `read_page` takes the query parameters of a page: none for the first.

    A page that does not come ends it with the rows so far. So does one that was there before, by its
    parameters or because it has no row that is new: such pages would not end.

    Raises:
        What `read_page` raises for the first page.
    """
    found: list[Row] = []
    seen: set[Row] = set()
    asked: set[frozenset[tuple[str, str]]] = set()
    parameters: Mapping[str, str] = {}
    while True:
        asked.add(frozenset(parameters.items()))
        try:
            page = await read_page(parameters)
        except MarketDataError as error:
            if len(asked) == 1:
                raise
            return Listing(found, error)
        found += page.rows
        before = len(seen)
        seen.update(page.rows)
        if page.lost:
            return Listing(found, ContentError(endpoint, page.lost))
        if page.next_parameters is None:
            return Listing(found)
        parameters = page.next_parameters
        if (
            frozenset(parameters.items()) in asked
            or (page.rows and len(seen) == before)
            or len(asked) >= MOST_PAGES
        ):
            return Listing(found, ContentError("endless", f"{endpoint}: {len(asked)} pages and no end"))
