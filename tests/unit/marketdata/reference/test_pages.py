"""A listing ends, whatever the provider says about its pages."""

import json
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketdata.errors import ContentError, ProviderUnavailable
from marketdata.providers.massive.rest.pages import MOST_PAGES, read_listing
from marketdata.providers.massive.rest.wire import Page, read_float_page
from marketdata.reference.facts import Float, Listing


class Pages:
    """A server of pages: from a cursor to the rows and the next cursor."""

    def __init__(self, pages: Mapping[str, tuple[list[str], str | None]]) -> None:
        self.pages = pages
        self.asked = 0

    async def __call__(self, parameters: Mapping[str, str]) -> Page[Float]:
        self.asked += 1
        symbols, following = self.pages[parameters.get("cursor", "")]
        rows = [Float(symbol, 1.0) for symbol in symbols]
        return Page(rows, None if following is None else {"cursor": following}, 0)


def symbols_of(listing: Listing[Float]) -> list[str]:
    return [row.symbol for row in listing.rows]


async def test_pages_are_read_to_the_last() -> None:
    pages = Pages({"": (["A"], "2"), "2": (["B"], None)})
    listing = await read_listing(pages, "floats")
    assert (symbols_of(listing), listing.failure, pages.asked) == (["A", "B"], None, 2)


@pytest.mark.parametrize(
    "pages",
    [
        {"": (["A"], "2"), "2": (["B"], "2")},
        {"": (["A"], "2"), "2": (["B"], "3"), "3": (["C"], "2")},
        {"": (["A"], "2"), "2": (["A"], "3"), "3": (["A"], "4")},
    ],
)
async def test_pages_that_repeat_or_alternate_end_with_what_was_got(
    pages: Mapping[str, tuple[list[str], str | None]],
) -> None:
    serving = Pages(pages)
    listing = await read_listing(serving, "floats")

    assert set(symbols_of(listing)) == {symbol for symbols, _ in pages.values() for symbol in symbols}
    assert isinstance(listing.failure, ContentError)
    assert listing.failure.reason == "endless"
    assert serving.asked <= 3


async def test_pages_that_are_always_new_end_too() -> None:
    asked = 0

    async def page(_parameters: Mapping[str, str]) -> Page[Float]:
        nonlocal asked
        asked += 1
        return Page([Float(f"S{asked}", 1.0)], {"cursor": str(asked)}, 0)

    listing = await read_listing(page, "floats")
    assert (asked, len(listing.rows)) == (MOST_PAGES, MOST_PAGES)
    assert listing.failure is not None


async def test_a_later_page_that_does_not_come_leaves_the_earlier_ones_and_the_first_is_raised() -> None:
    async def page(parameters: Mapping[str, str]) -> Page[Float]:
        if parameters:
            raise ProviderUnavailable("503")
        return Page([Float("A", 1.0)], {"cursor": "2"}, 0)

    async def nothing(_parameters: Mapping[str, str]) -> Page[Float]:
        raise ProviderUnavailable("503")

    listing = await read_listing(page, "floats")
    assert (symbols_of(listing), str(listing.failure)) == (["A"], "503")
    with pytest.raises(ProviderUnavailable):
        await read_listing(nothing, "floats")


@given(
    st.dictionaries(
        st.sampled_from(["", "1", "2", "3"]),
        st.tuples(st.lists(st.sampled_from("ABC")), st.none() | st.sampled_from(["1", "2", "3"])),
        min_size=4,
    )
)
async def test_any_graph_of_pages_ends(pages: dict[str, tuple[list[str], str | None]]) -> None:
    serving = Pages(pages)
    await read_listing(serving, "floats")
    assert serving.asked <= 4


@pytest.mark.parametrize("next_url", [None, ""])
def test_no_next_url_is_the_end(next_url: str | None) -> None:
    page = read_float_page(json.dumps({"results": [], "next_url": next_url}).encode())
    assert (page.next_parameters, page.lost) == (None, "")


@pytest.mark.parametrize("next_url", [5, [], "https://x.example/stocks/vX/float", "http://[", "x?apiKey=K"])
def test_a_next_url_that_leads_nowhere_is_told(next_url: object) -> None:
    body = json.dumps({"results": [{"ticker": "A", "free_float": 1}], "next_url": next_url}).encode()
    page = read_float_page(body)
    assert page.next_parameters is None
    assert page.lost
    assert [row.symbol for row in page.rows] == ["A"]
