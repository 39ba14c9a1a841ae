"""Symbols are found whatever their length and characters, in batches of any kind."""

from hypothesis import example, given
from hypothesis import strategies as st

from marketdata.codec import SymbolColumn
from marketdata.kernels.symbols import UNKNOWN
from scanners.table import SymbolIndex

symbols = st.one_of(
    st.text(alphabet="ABCpLZ./-", min_size=1, max_size=12),
    st.text(min_size=0, max_size=10),
    st.sampled_from(["A", "AA", "AAAAAAAA", "AAAAAAAAA", "AAAAAAAAAB", "BRK.B", "A\0", "\0", "é", ""]),
)


@given(added=st.lists(symbols, max_size=40), asked=st.lists(symbols, max_size=40))
@example(added=["AAAAAAAAB", "AAAAAAAA"], asked=["AAAAAAAA", "AAAAAAAAB", "AAAAAAAAC"])
@example(added=["A\0", "A"], asked=["A", "A\0"])
@example(added=["é", "A\x7f", "B\x01"], asked=["A\x7f", "B\x01"])
def test_every_symbol_has_the_number_of_its_first_appearance(added: list[str], asked: list[str]) -> None:
    index = SymbolIndex()
    index.add(added[:7])
    index.add(added)

    expected = {symbol: row for row, symbol in enumerate(dict.fromkeys(added))}
    assert index.symbols == list(expected)
    for batch in (asked, added, [symbol for symbol in asked if symbol.isalpha()]):
        rows, all_found = index.find(SymbolColumn.from_symbols(batch))
        assert rows.tolist() == [expected.get(symbol, UNKNOWN) for symbol in batch]
        assert all_found == set(batch).issubset(expected)


def test_a_whole_market_is_found_after_the_table_has_grown() -> None:
    market = [f"{number:X}.{number % 7}" for number in range(30_000)]
    index = SymbolIndex()
    for first in range(0, len(market), 1_000):
        index.add(market[first : first + 1_000])

    assert index.find(SymbolColumn.from_symbols(market))[0].tolist() == list(range(30_000))
    others = SymbolColumn.from_symbols([f"{symbol}?" for symbol in market[:1_000]])
    assert set(index.find(others)[0].tolist()) == {UNKNOWN}
