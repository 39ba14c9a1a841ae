"""Reads a listing page by page to its end, also if the provider's links to next pages are wrong."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeAlias, TypeVar

from marketdata.errors import ContentError, MarketDataError
from marketdata.providers.massive.rest.wire import Page
from marketdata.reference.facts import Listing

MOST_PAGES: Final = 200
"""The limit for one listing. The longest has 11 pages (11,000 tickers), but a server may send smaller pages
than requested."""

Row = TypeVar("Row")
ReadPage: TypeAlias = Callable[[Mapping[str, str]], Awaitable[Page[Row]]]


async def read_listing(read_page: ReadPage[Row], endpoint: str) -> Listing[Row]:
    """All rows of a listing. `read_page` takes the query parameters of a page: none for the first.

    If a page fails, the listing ends with the rows so far. It also ends at a repeated page, which has the
    same parameters as an earlier page or has no new row: such pages would never end.

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
