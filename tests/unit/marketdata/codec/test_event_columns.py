"""Columns are what the complete decoder makes of the same bytes, whichever way each event was read."""

import itertools
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from marketdata.codec import (
    ColumnDecoder,
    ColumnSource,
    Digest,
    EventColumns,
    EventDecoder,
    Flags,
    Quotient,
    Remainder,
)
from marketdata.codec.layout import fields_of, values_of
from marketdata.providers.massive.decoders import (
    AGGREGATES,
    PRICE_BANDS,
    QUOTES,
    TRADES,
    column_decoder,
)
from scanners.registry import Route, routes
from tests.support.builders import aggregate_wire, batch_body, quote_wire, trade_wire

EVENT_COLUMNS: Final[dict[str, tuple[EventDecoder[Any], tuple[ColumnSource, ...]]]] = {
    "A": (
        AGGREGATES,
        (
            "official_open_price",
            "volume",
            "vwap",
            "close",
            "start_timestamp",
            "end_timestamp",
            "average_size",
        ),
    ),
    "T": (
        TRADES,
        (
            "price",
            "size",
            "sequence_number",
            "fractional_size",
            Flags("conditions", {0: 1, 12: 2, 255: 4}),
            Digest(("id", "exchange", "tape")),
        ),
    ),
    "Q": (QUOTES, ("bid_price", "bid_size", "ask_price", "ask_size", "timestamp", "sequence_number")),
    "LULD": (
        PRICE_BANDS,
        (
            "high",
            "low",
            "sequence_number",
            Quotient("timestamp_ns", 10**6),
            Remainder("timestamp_ns", 10**6),
            Flags("indicators", {17: 1}),
        ),
    ),
}
DECODERS: Final = {
    kind: ColumnDecoder(decoder, sources) for kind, (decoder, sources) in EVENT_COLUMNS.items()
}
KEYS: Final = (
    "ev",
    "sym",
    "T",
    *"abcehiloptqsvxz",
    "av",
    "vw",
    "op",
    "bp",
    "bs",
    "ap",
    "as",
    "ds",
    "trfi",
    "dv",
    "é",
)

LULD: Final = {
    "ev": "LULD",
    "T": "MSFT",
    "h": 2.5,
    "l": 1,
    "i": [17],
    "z": 3,
    "t": 1764086430905642800,
    "q": 5,
}
GOOD: Final = {
    "A": aggregate_wire(vw=114.40000000000001),
    "T": trade_wire(c=[0, 12], s=0, ds="0.0073"),
    "Q": quote_wire(bp=0),
    "LULD": LULD,
}

digits = st.text("0123456789", min_size=1, max_size=22)
numbers = st.one_of(
    st.integers(-(2**70), 2**70).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.builds(lambda whole, fraction: f"{whole}.{fraction}", digits, digits),
    st.builds(
        lambda number, exponent: f"{number}{exponent}",
        st.sampled_from(("1", "1.5", "0", "9007199254740993", "123456789.125", "-0", "0.30000000000000004")),
        st.sampled_from(("e5", "E-3", "e+22", "e23", "e-22", "e400", "e", "e0001", "e+")),
    ),
    st.sampled_from(
        ("1", "0.1", "100.0", "01", "1.", ".5", "-", "+1", "NaN", "Infinity", "99999999999999999999")
    ),
)
texts = st.one_of(
    st.sampled_from(
        ('"AAPL"', '"0.0073"', '"12"', '"1e2"', '" 5"', '"x"', '"LONGERTHAN8"', '"A\\u0041"', '"A\\/B"')
    ),
    st.text(max_size=40).map(json.dumps),
    st.text(max_size=12).map(lambda text: json.dumps(text, ensure_ascii=False)),
    st.sampled_from(('"\x01"', '"\x7f"', '"', '"\\', '"A', '"S\\"}{"')),
)
scalars = st.one_of(numbers, texts, st.sampled_from(("null", "true", "false", "nul", "tru")))
values = st.one_of(
    scalars,
    st.lists(scalars, max_size=3).map(lambda items: f"[{','.join(items)}]"),
    st.lists(st.integers(-1, 300).map(str), max_size=4).map(lambda items: f"[ {' , '.join(items)} ]"),
    st.sampled_from(("{}", '{"a":[1,{"b":"}"}]}', "[[1]]", "[1,]", "[,]", "")),
)
symbols = st.one_of(
    st.sampled_from(
        [
            *('"BRK.B"', '"KIMpL"', '"O:SPY251219C00650000"', '"WFC+"', '"A B"', '"A\\u0000"', '"A\\u200b"'),
            *('"<b>"', '"-A"', '"A\u202e"', '"\uff21"', '"A\\n"', f'"{"S" * 33}"'),
        ]
    ),
    st.text(st.characters(max_codepoint=0x2FF), max_size=4).map(json.dumps),
)
space = st.sampled_from(("", "", "", " ", "\n\t\r "))


@st.composite
def event_texts(draw: st.DrawFn) -> str:
    """A good event in which some fields are changed, left out, doubled, or added, with space between."""
    kind = draw(st.sampled_from(sorted(GOOD)))
    fields = [(json.dumps(key), json.dumps(value)) for key, value in GOOD[kind].items()]
    for _ in range(draw(st.integers(0, 2))):
        change = draw(
            st.sampled_from(("value", "value", "null", "symbol", "leave out", "double", "add", "move"))
        )
        index = draw(st.integers(0, len(fields) - 1)) if fields else 0
        if change == "add" or not fields:
            fields.insert(index, (json.dumps(draw(st.sampled_from(KEYS)), ensure_ascii=False), draw(values)))
        elif change == "value":
            fields[index] = (fields[index][0], draw(values))
        elif change == "null":
            fields[index] = (fields[index][0], "null")
        elif change == "symbol":
            name = '"T"' if kind == "LULD" else '"sym"'
            former = [at for at, (key, _) in enumerate(fields) if key == name]  # left out by another change?
            for at in former[:1]:
                del fields[at]
            fields.insert(index, (name, draw(symbols)))
        elif change == "double":
            fields.append(fields[index])
        elif change == "move":
            fields.append(fields.pop(index))
        else:
            del fields[index]
    gap = draw(space)
    return f"{{{gap}" + f"{gap},{gap}".join(f"{key}{gap}:{gap}{value}" for key, value in fields) + f"{gap}}}"


pieces = st.one_of(
    event_texts(), event_texts(), st.sampled_from(("null", "7", "{}", '"text"', "[]", "", "{"))
)


@st.composite
def bodies_of_events(draw: st.DrawFn) -> bytes:
    """Mostly arrays; some are cut off, or have something behind them."""
    gap = draw(space)
    body = f"{gap}[{gap}" + f"{gap},{gap}".join(draw(st.lists(pieces, max_size=4))) + f"{gap}]{gap}"
    body += draw(st.sampled_from(("", "", "", "x", "[]", "\0")))
    return body.encode(errors="replace")[: draw(st.one_of(st.none(), st.integers(0, 400)))]


def is_array(body: bytes) -> bool:
    try:
        msgspec.json.decode(body, type=list[msgspec.Raw])
    except ValueError:
        return False
    return True


def expected_of(kind: str, body: bytes) -> tuple[list[list[float]], list[str], list[tuple[str, bytes]]]:
    decoder, sources = EVENT_COLUMNS[kind]
    decoded = decoder.decode(body)
    rejected = [(piece.reason.value, piece.raw) for piece in decoded.rejected]
    return (
        [values_of(event, sources) for event in decoded.events],
        [e.symbol for e in decoded.events],
        rejected,
    )


def rejected_of(columns: EventColumns, body: int) -> list[tuple[str, bytes]]:
    return [(piece.reason.value, piece.raw) for piece in columns.rejected.get(body, ())]


@given(st.sampled_from(sorted(DECODERS)), st.lists(bodies_of_events(), max_size=4))
@example("LULD", [json.dumps([LULD]).encode()])
@example("T", [b"[" + json.dumps(GOOD["T"]).encode() + b",]"])
def test_columns_are_what_the_complete_decoder_makes(kind: str, bodies: Sequence[bytes]) -> None:
    columns = DECODERS[kind].decode(bodies)

    first_of_body = np.cumsum([0, *columns.counts.tolist()]).tolist()
    assert len(columns.symbols) == columns.values.shape[1] == first_of_body[-1]
    for number, (body, (first, last)) in enumerate(
        zip(bodies, itertools.pairwise(first_of_body), strict=True)
    ):
        if not is_array(body):
            continue  # how much of it is saved is for the next test
        values, symbols, rejected = expected_of(kind, body)
        expected = np.array(values).reshape(-1, len(columns.values))
        np.testing.assert_array_equal(columns.values[:, first:last].T, expected)
        assert [columns.symbols[index] for index in range(first, last)] == symbols
        assert rejected_of(columns, number) == rejected


@given(st.lists(st.one_of(st.none(), st.binary(max_size=30)), max_size=8), st.binary(max_size=20))
def test_good_events_survive_in_whatever_is_no_json(parts: Sequence[bytes | None], behind: bytes) -> None:
    """None stands for a good event, numbered by its start time; what is no brace cannot swallow it."""
    wire = [
        json.dumps(aggregate_wire(start_ms=index)).encode()
        if part is None
        else b'{"g":' + part.translate(None, b'{}"') + b"}"
        for index, part in enumerate(parts)
    ]
    body = b"[" + b",".join(wire) + b"]"
    columns = DECODERS["A"].decode([body, behind, body])

    good = [index for index, part in enumerate(parts) if part is None]
    starts = EVENT_COLUMNS["A"][1].index("start_timestamp")
    assert columns.counts.tolist() == [len(good), 0, len(good)]
    assert columns.values[starts].tolist() == [*good, *good]
    assert len(rejected_of(columns, 0)) == len(parts) - len(good)


def test_each_kind_of_number_reaches_its_column() -> None:
    bars = DECODERS["A"].decode(
        [batch_body([aggregate_wire(v=7, op=None), aggregate_wire(ev="AM", op=1.25)])]
    )
    assert bars.values[0, 1] == 1.25
    assert np.isnan(bars.values[0, 0])
    assert bars.values[1, 0] == 7

    trades = DECODERS["T"].decode(
        [batch_body([trade_wire(c=[12, 255, 256], ds="0.0073"), trade_wire(ds=None)])]
    )
    assert trades.values[3, 0] == 0.0073
    assert np.isnan(trades.values[3, 1])
    assert trades.values[4, 0] == 2 | 4

    bands = DECODERS["LULD"].decode([json.dumps([LULD]).encode()])
    assert bands.values[:, 0].tolist() == [2.5, 1, 5, 1764086430905, 642800, 1]


def only(kind: str, *events: dict[str, object]) -> EventColumns:
    """The columns of events, none of which is set aside, by either way."""
    columns = DECODERS[kind].decode([batch_body(events)])
    assert columns.rejected == {}
    decoder, sources = EVENT_COLUMNS[kind]
    decoded = [values_of(event, sources) for event in decoder.decode(batch_body(events)).events]
    np.testing.assert_array_equal(columns.values.T, decoded)
    return columns


ANYTHING: Final[Sequence[object]] = (None, 7, 7.5, "7", "x", True, [], [1, "x"], {"a": [{}]}, "\u200b")
UNREAD: Final = {
    "A": ("dv", "dav", "otc", "n"),
    "T": ("i", "x", "z", "trfi", "trft", "pt"),
    "Q": ("bx", "ax", "c", "i", "z", "pt", "trfi"),
    "LULD": ("z", "pt"),
}


@pytest.mark.parametrize(("kind", "key"), [(kind, key) for kind, keys in UNREAD.items() for key in keys])
def test_a_field_that_nobody_reads_costs_nothing_whatever_it_holds(kind: str, key: str) -> None:
    without = {name: value for name, value in GOOD[kind].items() if name != key}
    columns = only(kind, without, *(without | {key: value} for value in ANYTHING))

    is_identity = EVENT_COLUMNS[kind][1].index(Digest(("id", "exchange", "tape"))) if kind == "T" else None
    for number, column in enumerate(columns.values):
        if number != is_identity:
            np.testing.assert_array_equal(column, column[0])


OPTIONAL: Final[Mapping[str, Mapping[str, float]]] = {
    "A": {"op": np.nan, "z": np.nan},
    "T": {"q": 0, "ds": np.nan, "c": 0},
    "Q": {"bp": 0, "bs": 0, "ap": 0, "as": 0, "q": 0},
    "LULD": {"h": 0, "l": 0, "q": 0, "i": 0},
}


@pytest.mark.parametrize(
    ("kind", "key", "absent"),
    [(kind, key, absent) for kind, fields in OPTIONAL.items() for key, absent in fields.items()],
)
def test_what_an_event_can_do_without_may_be_null_or_left_out(kind: str, key: str, absent: float) -> None:
    (field,) = [
        field
        for field in msgspec.structs.fields(EVENT_COLUMNS[kind][0].structs[0])
        if field.encode_name == key
    ]
    column = next(n for n, source in enumerate(EVENT_COLUMNS[kind][1]) if field.name in fields_of(source))
    without = {name: value for name, value in GOOD[kind].items() if name != key}

    columns = only(kind, without, without | {key: None})

    np.testing.assert_array_equal(columns.values[column], [absent, absent])


def test_an_exact_size_may_be_a_number_or_a_text() -> None:
    columns = only("T", *(trade_wire(s=0, ds=value) for value in ("0.0073", 0.0073, "7", 7, "much")))
    np.testing.assert_array_equal(columns.values[3], [0.0073, 0.0073, 7, 7, np.nan])


@given(
    st.lists(
        st.fixed_dictionaries(
            {},
            optional=dict.fromkeys(
                ("i", "x", "z"),
                st.sampled_from((None, "", "1", 1, 2, "12345678", "123456789", "1234567890123456", [1], {})),
            ),
        ),
        min_size=2,
        max_size=6,
    )
)
def test_trades_have_the_same_digest_exactly_if_id_exchange_and_tape_are_spelled_alike(
    prints: list[dict[str, object]],
) -> None:
    bare = {name: value for name, value in GOOD["T"].items() if name not in {"i", "x", "z"}}
    digests = only("T", *(bare | each for each in prints)).values[-1].tolist()

    spelled = [tuple(json.dumps(each.get(key)) for key in ("i", "x", "z")) for each in prints]
    assert [one == other for one in digests for other in digests] == [
        one == other for one in spelled for other in spelled
    ]
    assert all(digest == int(digest) < 2**53 for digest in digests)


@pytest.mark.parametrize(("kind", "longest_ms"), [("A", 1_000), ("AM", 60_000)])
@pytest.mark.parametrize("is_plain", [True, False])
def test_an_aggregate_ends_within_its_second_or_minute_after_its_start(
    kind: str, longest_ms: int, is_plain: bool
) -> None:
    spans_ms = [1, longest_ms - 1, longest_ms]
    impossible_ms = [-14_400_000, -1, 0, longest_ms + 1, 14_400_000]
    start_ms = 1_795_190_400_000
    wire = [
        aggregate_wire(ev=kind, start_ms=start_ms, e=start_ms + span_ms) | ({} if is_plain else {"é": "\\"})
        for span_ms in (*impossible_ms, *spans_ms)
    ]

    columns = DECODERS["A"].decode([batch_body(wire)])

    start, end = EVENT_COLUMNS["A"][1].index("start_timestamp"), EVENT_COLUMNS["A"][1].index("end_timestamp")
    assert (columns.values[end] - columns.values[start]).tolist() == spans_ms
    assert [rejected.reason for rejected in columns.rejected[0]] == ["invalid_field"] * len(impossible_ms)
    assert AGGREGATES.decode(batch_body(wire)).rejected == tuple(columns.rejected[0])


def test_who_reads_aggregates_reads_both_of_their_stamps() -> None:
    with pytest.raises(TypeError, match="end_timestamp"):
        ColumnDecoder(AGGREGATES, ["close", "start_timestamp"])


@pytest.mark.parametrize("route", routes(), ids=lambda route: route.queue.value)
def test_what_is_declared_of_an_event_is_what_is_read(route: Route) -> None:
    """A declared field that nobody reads could cost an event all the same."""
    decoder = column_decoder(route.queue, route.columns)
    read = {name for source in decoder.sources for name in fields_of(source)}
    for struct in decoder.structs:
        assert {field.name for field in msgspec.structs.fields(struct)} == {"symbol"} | read


@pytest.mark.parametrize(
    "sources",
    [
        ["timestamp_ns", "timestamp_ns"],
        ["timestamp_ns", Remainder("timestamp_ns", 10)],
        [Remainder("timestamp_ns", 10), "timestamp_ns"],
        [Quotient("timestamp_ns", 10), Remainder("timestamp_ns", 100)],
        [Flags("indicators", {1: 1}), Flags("indicators", {2: 1})],
        [Flags("indicators", {256: 1})],
        [Flags("indicators", {1: 256})],
        [Flags("indicators", {-1: 1})],
    ],
)
def test_columns_that_would_overwrite_each_other_are_refused(sources: Sequence[ColumnSource]) -> None:
    with pytest.raises(TypeError, match=r"another column of the same field|must be from 0 to 255"):
        ColumnDecoder(PRICE_BANDS, sources)


@pytest.mark.parametrize(
    "source",
    [
        "no_such_field",
        "conditions",
        "id",
        "symbol",
        Flags("price", {1: 1}),
        Quotient("price", 10),
        Remainder("id", 10),
        Digest(("id", "price")),
    ],
)
def test_a_column_that_a_field_cannot_give_is_refused(source: ColumnSource) -> None:
    with pytest.raises(TypeError, match=r"no_such_field|conditions|price|id|symbol"):
        ColumnDecoder(TRADES, [source])
