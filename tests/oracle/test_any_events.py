"""Few events with every tie, zero, absence and wrong stamp, in any order, on two days.

Platform and oracle agree on all of them.

What whole days hold in plenty is rare in here, and the other way round.
"""

import random
from collections.abc import Mapping, Sequence
from typing import Any, Final

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from scanners.registry import routes, table_columns
from tests.oracle.comparison import answer_of, differences
from tests.oracle.disturbance import arrived_together
from tests.oracle.invented_reference import invented_reference
from tests.oracle.market import Oracle, event_time_ms
from tests.oracle.platform import Platform
from tests.oracle.simulated_days import DATES as ALL_DATES
from tests.oracle.simulated_days import calendar, oracle_day
from tests.oracle.terms import MINUTE_MS, Day, epoch_ms, new_york
from tests.support.builders import aggregate_wire, quote_wire, trade_wire

Event = dict[str, Any]

DATES: Final = ("2026-11-25", "2026-11-27")
"""A full day and the half day after Thanksgiving."""
DAYS: Final = tuple(oracle_day(date) for date in DATES)
SYMBOLS: Final = ("AAA", "BB", "C")
COLUMNS: Final = table_columns(routes())
KILL_SHARE: Final = 0.3
NS_PER_MS: Final = 1_000_000
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS

symbols = st.sampled_from(SYMBOLS)
prices = st.sampled_from([0.0, 0.5, 1.0, 9.5, 10.0, 12.25, 80.0])
sizes = st.integers(0, 500)
numbers = st.integers(0, 3)
unread: st.SearchStrategy[object] = st.sampled_from([None, 7, 7.5, "7", [], [1, "x"], {"a": [{}]}, True])
"""What a field that nobody reads may hold."""


def with_odd_fields(
    draw: st.DrawFn, event: Event, *, optional: Sequence[str], unread_fields: Sequence[str]
) -> Event:
    """The event, sometimes with null or nothing where that is allowed, and anything where nobody reads."""
    if draw(st.integers(0, 3)):
        return event
    name = draw(st.sampled_from([*optional, *unread_fields]))
    if name in unread_fields:
        return event | {name: draw(unread)}
    return event | {name: None} if draw(st.booleans()) else {k: v for k, v in event.items() if k != name}


@st.composite
def times_of_day(draw: st.DrawFn) -> int:
    """Around the turns of the sessions, mostly within the twenty minutes after the open."""
    hour = draw(st.sampled_from(["09:30", "09:30", "10:00", "04:00", "13:00", "16:00", "20:00", "23:00"]))
    minutes = draw(st.integers(-3, 20))
    offset_ms = draw(st.sampled_from([-1_000, 0, 1_000, 58_000, 59_000]))
    return max(DAYS[0].start_ms, epoch_ms(new_york(DATES[0], hour)) + minutes * MINUTE_MS + offset_ms)


@st.composite
def bars(draw: st.DrawFn) -> Event:
    is_minute = draw(st.booleans())
    time_ms = draw(times_of_day())
    bar = aggregate_wire(
        draw(symbols),
        ev="AM" if is_minute else "A",
        start_ms=time_ms // MINUTE_MS * MINUTE_MS if is_minute else time_ms,
        v=draw(sizes),
        av=draw(st.integers(0, 9_000)),
        o=draw(prices),
        c=draw(prices),
        h=draw(prices),
        l=draw(prices),
        a=draw(prices),
        op=draw(st.sampled_from([None, 0, 11.0, 12.0])),
    )
    return with_odd_fields(draw, bar, optional=("z", "op"), unread_fields=("dv", "otc"))


@st.composite
def trades(draw: st.DrawFn) -> Event:
    conditions = draw(st.sampled_from([None, [], [12], [37], [12, 37], [15], [38], [14, 41], [999]]))
    shares = draw(sizes)
    exact = draw(st.sampled_from([None, f"{shares}.5", f"{shares}.000001", "700.25"]))
    optional = {"c": conditions, "ds": exact}
    told = {name: value for name, value in optional.items() if value is not None}
    trade = trade_wire(
        draw(symbols),
        timestamp_ms=draw(times_of_day()),
        q=draw(numbers),
        p=draw(prices),
        s=shares,
        i=draw(st.sampled_from(["1", "1", "2"])),
        x=draw(st.sampled_from([4, 4, 11])),
        **told,
    )
    return with_odd_fields(draw, trade, optional=("q", "c", "ds"), unread_fields=("i", "x", "z", "trfi"))


@st.composite
def quotes(draw: st.DrawFn) -> Event:
    quote = quote_wire(
        draw(symbols), timestamp_ms=draw(times_of_day()), q=draw(numbers), bp=draw(prices), ap=draw(prices)
    )
    return with_odd_fields(
        draw, quote, optional=("q", "bp", "bs", "ap", "as"), unread_fields=("i", "c", "bx", "z")
    )


@st.composite
def bands(draw: st.DrawFn) -> Event:
    """Of one symbol, time and number there is one message."""
    symbol, time_ms, number = draw(symbols), draw(times_of_day()), draw(numbers)
    told = random.Random(f"{symbol} {time_ms} {number}")
    indicator = told.choice([14, 15, 16, 17, 18, 22])
    high, low = (0.0, 0.0) if indicator == 17 else told.choice([(12.25, 9.5), (10.0, 1.0), (0.0, 0.5)])
    message = {
        "ev": "LULD",
        "T": symbol,
        "h": high,
        "l": low,
        "i": [indicator],
        "z": draw(unread),
        "t": time_ms * NS_PER_MS + number,
        "q": number,
    }
    for band in ("h", "l"):
        if not message[band]:
            message |= told.choice([{}, {band: None}])
            if told.random() < 1 / 3:
                del message[band]
    return message


def moved(event: Mapping[str, Any], by_ms: int) -> Event:
    """The same event on another day."""
    names = ("s", "e") if event["ev"] in {"A", "AM"} else ("t",)
    unit = NS_PER_MS if event["ev"] == "LULD" else 1
    return {**event, **{name: event[name] + by_ms * unit for name in names}}


@st.composite
def wrong_stamps(draw: st.DrawFn, day: Sequence[Event]) -> Sequence[tuple[Event, int]]:
    """Events of the day, a lone one or a crowd, with the distance of their stamps from the feed's clock."""
    offset_ms = draw(
        st.one_of(
            st.sampled_from((5_001, 60_000, 4 * HOUR_MS, 2 * DAY_MS, 10 * DAY_MS, 3_650 * DAY_MS)),
            st.sampled_from((-3 * DAY_MS, -400 * DAY_MS, -20_000 * DAY_MS)),
            st.integers(-HOUR_MS, 5_000),
        )
    )
    events = draw(st.lists(st.sampled_from(day), min_size=1, max_size=8))
    # Of bands that are taken there must be one message of a symbol, time and number: see `bands`.
    is_taken = abs(offset_ms) <= HOUR_MS and offset_ms <= 5_000
    return [(event, offset_ms) for event in events if not (is_taken and event["ev"] == "LULD")]


def stamped(event: Event, time_ms: int, day: Day) -> Event:
    """The same event at another time, not before 1970, nor within the trading day before.

    What comes together with the first event of a day counts for the day before, or does not: who knows. The
    very first event of all begins the day of its stamp, so there it is not within any day before.
    """
    is_first = day == DAYS[0]
    earliest_ms = oracle_day(ALL_DATES[0]).start_ms if is_first else day.start_ms - DAY_MS
    is_of_day_before = earliest_ms <= time_ms < day.start_ms
    return moved(event, max(time_ms, day.start_ms if is_of_day_before else 1_000) - event_time_ms(event))


def cut(events: Sequence[Event], data: st.DataObject) -> Sequence[Sequence[Event]]:
    cuts = sorted(data.draw(st.sets(st.integers(0, len(events)), max_size=6)))
    return [events[first:last] for first, last in zip([0, *cuts], [*cuts, len(events)], strict=True)]


events_of_a_day = st.lists(st.one_of(bars(), trades(), quotes(), bands()), min_size=1, max_size=30)


@settings(max_examples=300, phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink))
@given(first=events_of_a_day, second=events_of_a_day, seed=st.integers(0, 2**32), data=st.data())
def test_any_events_come_to_what_the_oracle_says(
    first: list[Event], second: list[Event], seed: int, data: st.DataObject
) -> None:
    chance = random.Random(seed)
    renewed_on = data.draw(st.sampled_from((None, 0, 1)))  # a day that gets new reference data in its midst
    # The snapshot counts, or does not. A later one would be told of bars that were compared without it.
    as_of_ms = DAYS[0].start_ms - (1 if renewed_on is not None else data.draw(st.integers(0, 1)))
    reference = invented_reference(dict.fromkeys(SYMBOLS, 10.0), as_of_ms, chance)
    platform = Platform(1, calendar(), reference, chance, kill_share=KILL_SHARE)
    oracle = Oracle(DAYS, reference)
    by_ms = DAYS[1].start_ms - DAYS[0].start_ms
    feed_time_ms = 0
    for day_number, day in enumerate((first, [moved(event, by_ms) for event in second])):
        repeated = day + data.draw(st.lists(st.sampled_from(day), max_size=5))
        for number, good in enumerate(cut(repeated, data)):
            feed_time_ms = max([feed_time_ms, *map(event_time_ms, good)])
            wrong = data.draw(st.one_of(st.just([]), wrong_stamps(day)))
            events = [
                *good,
                *(stamped(event, feed_time_ms + offset, DAYS[day_number]) for event, offset in wrong),
            ]
            if not any(day.has(feed_time_ms) for day in DAYS):
                continue
            chance.shuffle(events)
            for event in events:
                oracle.take(event, received_ms=number, feed_time_ms=feed_time_ms)
            platform.receive(arrived_together(events, received_ms=number, feed_time_ms=feed_time_ms))
            if day_number == renewed_on and number == 0:
                platform.settle()  # the day has begun: which rows outlive the one before is decided
                renewed = invented_reference(dict.fromkeys(SYMBOLS, 12.0), as_of_ms, chance)
                platform.use_reference(renewed)
                oracle.use_reference(renewed)
        platform.settle()
        found = list(differences(platform.outcome(), answer_of(oracle), COLUMNS))
        assert not found, "\n".join(found)
