"""Is the market open? The provider's word, the calendar's where there is none, and when to ask again."""

import datetime as dt
import threading

import pytest

from marketdata.errors import ContentError, ProviderUnavailable
from marketdata.providers.massive.market_hours import (
    CALENDAR_SECONDS,
    CLOSED_POLL_SECONDS,
    UNCONFIRMED_POLL_SECONDS,
    MarketHours,
    ViewSource,
    view_of,
)
from marketdata.providers.massive.rest.bounded_http import Answer
from marketdata.providers.massive.rest.market_status import MarketStatus, RestMarketStatus, read_market_status
from marketdata.trading_calendar import MarketSession, TradingCalendar
from marketdata.trading_calendar.exchange import SessionsUnreadable
from tests.support.builders import calendar_of
from tests.support.manual_clock import ManualClock
from tests.support.simulator import trading_calendar

FRIDAY = dt.date(2026, 11, 20)
MONDAY = dt.date(2026, 11, 23)
NOW = b'"serverTime":"2020-11-10T17:37:37-05:00"'


def at(date: dt.date, hour: int, minute: int = 0) -> int:
    return trading_calendar().instant_ms(date, dt.time(hour, minute))


def told(session: MarketSession, time_ms: int) -> MarketStatus:
    return MarketStatus(session, time_ms)


@pytest.mark.parametrize(
    ("hour", "session"),
    [
        (3, MarketSession.CLOSED),
        (4, MarketSession.PRE_MARKET),
        (10, MarketSession.REGULAR),
        (17, MarketSession.AFTER_HOURS),
        (21, MarketSession.CLOSED),
    ],
)
def test_without_the_providers_word_the_calendar_decides(hour: int, session: MarketSession) -> None:
    view = view_of(trading_calendar(), at(FRIDAY, hour), None)

    assert (view.session, view.source) == (session, ViewSource.CALENDAR)


def test_the_providers_word_overrules_the_calendar_both_ways() -> None:
    noon, midnight = at(FRIDAY, 12), at(FRIDAY, 0)

    assert view_of(trading_calendar(), noon, told(MarketSession.CLOSED, noon)).is_closed
    assert not view_of(trading_calendar(), midnight, told(MarketSession.REGULAR, midnight)).is_closed


def test_a_closed_market_is_asked_about_slowly_and_exactly_at_the_pre_markets_start() -> None:
    saturday = view_of(trading_calendar(), at(FRIDAY + dt.timedelta(days=1), 12), None)
    before_open = view_of(trading_calendar(), at(MONDAY, 4) - 2_500, None)

    assert saturday.ask_again_seconds == CLOSED_POLL_SECONDS
    assert before_open.is_closed
    assert before_open.ask_again_seconds == 2.5


@pytest.mark.parametrize(
    ("date", "hour", "opens"),
    [(FRIDAY, 3, FRIDAY), (FRIDAY, 21, MONDAY), (FRIDAY + dt.timedelta(days=1), 12, MONDAY)],
)
def test_a_closed_market_says_when_it_opens(date: dt.date, hour: int, opens: dt.date) -> None:
    assert view_of(trading_calendar(), at(date, hour), None).opens_ms == at(opens, 4)


def test_an_open_that_the_provider_does_not_confirm_is_asked_about_soon() -> None:
    opening = at(MONDAY, 4)

    view = view_of(trading_calendar(), opening, told(MarketSession.CLOSED, opening))

    assert view.is_closed
    assert view.ask_again_seconds == UNCONFIRMED_POLL_SECONDS


@pytest.mark.parametrize("calendar", [None, trading_calendar()])
def test_where_nobody_knows_the_market_is_taken_to_be_open(calendar: TradingCalendar | None) -> None:
    beyond = at(dt.date(2031, 1, 1), 12)
    view = view_of(calendar, beyond, None)

    assert not view.is_closed
    assert view.source is ViewSource.ASSUMED


class Provider:
    """The REST service: a callable that answers, or fails."""

    def __init__(self, answer: MarketStatus | Exception) -> None:
        self.answer = answer
        self.asked_in: list[threading.Thread] = []

    def __call__(self) -> MarketStatus:
        self.asked_in.append(threading.current_thread())
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


async def test_asking_never_happens_on_the_loops_thread_and_not_again_while_the_answer_is_fresh() -> None:
    clock = ManualClock(at(FRIDAY, 10))
    provider = Provider(told(MarketSession.REGULAR, at(FRIDAY, 10)))
    hours = MarketHours(provider, lambda _ns: trading_calendar(), clock=clock)

    for _ in range(3):
        assert (await hours.look()).session is MarketSession.REGULAR
    assert len(provider.asked_in) == 1
    assert threading.current_thread() not in provider.asked_in

    clock.advance(61)
    await hours.look()
    assert len(provider.asked_in) == 2


async def test_the_calendar_is_loaded_anew_every_day_and_one_that_cannot_be_leaves_the_one_before() -> None:
    clock = ManualClock(at(FRIDAY, 10))
    loaded: list[TradingCalendar | Exception] = [trading_calendar(), SessionsUnreadable("away")]
    loaded += [calendar_of("2026-11-20", "2026-11-25")]

    def load(_time_ns: int) -> TradingCalendar:
        calendar = loaded.pop(0)
        if isinstance(calendar, Exception):
            raise calendar
        return calendar

    hours = MarketHours(Provider(ProviderUnavailable("away")), load, clock=clock)
    assert (await hours.look()).session is MarketSession.REGULAR
    clock.advance(CALENDAR_SECONDS - 120)
    await hours.look()
    assert len(loaded) == 2, "it is of the same day"
    clock.advance(2 * CALENDAR_SECONDS)
    assert (await hours.look()).session is MarketSession.REGULAR, "Monday is a session of the first"
    clock.advance(61)
    assert (await hours.look()).session is MarketSession.CLOSED, "and of the new one it is none"
    assert not loaded


@pytest.mark.parametrize("failure", [ProviderUnavailable("away"), ContentError("market_status")])
async def test_when_rest_fails_the_calendar_is_asked_about_the_providers_own_time(failure: Exception) -> None:
    clock = ManualClock(at(FRIDAY, 22))
    provider = Provider(told(MarketSession.REGULAR, at(FRIDAY, 10)))
    hours = MarketHours(provider, lambda _ns: trading_calendar(), clock=clock)
    await hours.look()

    provider.answer = failure
    clock.advance(90)
    view = await hours.look()

    assert (view.session, view.source) == (MarketSession.REGULAR, ViewSource.CALENDAR)


async def test_what_was_seen_before_the_feed_declared_its_time_counts_no_more() -> None:
    clock = ManualClock(at(FRIDAY, 22))
    hours = MarketHours(Provider(ProviderUnavailable("away")), lambda _ns: trading_calendar(), clock=clock)
    assert (await hours.look()).is_closed

    hours.set_feed_time(at(FRIDAY, 10))
    forgotten = hours.view
    assert forgotten is None
    assert (await hours.look()).session is MarketSession.REGULAR
    hours.set_feed_time(at(FRIDAY, 10) + 1_000)
    assert hours.view is not None, "the same clock, a second on"

    hours.forget_feed_time()
    assert (await hours.look()).is_closed


async def test_the_feeds_own_clock_goes_before_the_one_that_rest_told_of() -> None:
    clock = ManualClock(at(FRIDAY, 10))
    provider = Provider(told(MarketSession.REGULAR, at(FRIDAY, 10)))
    hours = MarketHours(provider, lambda _ns: trading_calendar(), clock=clock)
    await hours.look()
    provider.answer = ProviderUnavailable("away")

    hours.set_feed_time(at(FRIDAY, 17))

    assert (await hours.look()).session is MarketSession.AFTER_HOURS


@pytest.mark.parametrize(
    ("body", "session"),
    [
        (b'"market":"open","earlyHours":false', MarketSession.REGULAR),
        (b'"market":"extended-hours","earlyHours":true', MarketSession.PRE_MARKET),
        (b'"market":"extended-hours","earlyHours":false', MarketSession.AFTER_HOURS),
        (b'"market":"closed"', MarketSession.CLOSED),
    ],
)
def test_the_providers_answer_is_understood(body: bytes, session: MarketSession) -> None:
    answer = read_market_status(b'{%s,"serverTime":"2020-11-10T17:37:37-05:00","extra":[]}' % body)

    assert (answer.session, answer.market_time_ms) == (session, 1_605_047_857_000)


@pytest.mark.parametrize(
    "body",
    [
        b"no json",
        b"[]",
        b'{"market":"ajar","serverTime":"2020-11-10T17:37:37-05:00"}',
        b'{"market":"open","serverTime":"2020-11-10T17:37:37"}',
        b'{"market":"open"}',
        b'{"market":"open","serverTime":0}',
        b'{"market":"open","serverTime":NaN}',
        b'{"market":"open","serverTime":"soon"}',
        b'{"market":"open","earlyHours":true,"serverTime":"2020-11-10T17:37:37-05:00"}',
        b'{"market":"closed","afterHours":true,"serverTime":"2020-11-10T17:37:37-05:00"}',
        b'{"market":"extended-hours","earlyHours":true,"afterHours":true,%s}' % NOW,
        b'{"market":"extended-hours","earlyHours":false,"afterHours":false,%s}' % NOW,
        b"\xff",
    ],
)
def test_another_answer_is_content_that_is_not_understood(body: bytes) -> None:
    with pytest.raises(ContentError, match="market_status"):
        _ = read_market_status(body).session


@pytest.mark.parametrize(
    "words",
    [
        b'"market":"ajar"',
        b'"market":["open"]',
        b'"market":"extended-hours","earlyHours":"yes"',
        b'"market":"open","earlyHours":true',
    ],
)
def test_the_time_counts_although_the_words_about_the_session_make_no_sense(words: bytes) -> None:
    answer = read_market_status(b"{%s,%s}" % (words, NOW))

    assert answer.market_time_ms == 1_605_047_857_000
    with pytest.raises(ContentError, match="market_status"):
        _ = answer.session


def test_a_status_that_says_error_is_no_status() -> None:
    with pytest.raises(ProviderUnavailable, match="internal"):
        read_market_status(b'{"status":"ERROR","error":"internal"}')


class StatusClient:
    """In place of the SDK's client: every request has this body for an answer."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def get_market_status(self, *, raw: bool) -> Answer:
        assert raw
        return Answer(200, {}, self._body)


@pytest.mark.parametrize(
    "told", ["2026-11-18T22:00:00-05:00", "2026-11-20T10:05:01-05:00", "1970-01-01T00:00:00Z"]
)
async def test_one_odd_time_of_the_provider_decides_nothing(told: str) -> None:
    clock = ManualClock(at(FRIDAY, 10))
    status = RestMarketStatus("https://api.massive.com", "key", clock=clock)
    status._client = StatusClient(b'{"market":"closed","serverTime":"%s"}' % told.encode())

    with pytest.raises(ContentError, match="market_time"):
        status()
    view = await MarketHours(status, lambda _ns: trading_calendar(), clock=clock).look()

    assert (view.session, view.source) == (MarketSession.REGULAR, ViewSource.CALENDAR)


async def test_a_simulated_market_is_believed_to_be_on_another_day() -> None:
    clock = ManualClock(at(MONDAY, 2))
    status = RestMarketStatus("http://127.0.0.1:9400", "key", clock=clock)
    status._client = StatusClient(b'{"market":"open","serverTime":"2026-11-20T10:00:00-05:00"}')

    view = await MarketHours(status, lambda _ns: trading_calendar(), clock=clock).look()

    assert (view.session, view.source) == (MarketSession.REGULAR, ViewSource.REST)
