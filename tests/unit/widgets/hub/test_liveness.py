"""When the status says live, and when stale, and why."""

from tests.support.manual_clock import ManualClock
from widgets.hub.liveness import Liveness

LABELS = {"mdp:rows:0": "shard 0", "scanners:top_gainers": "scanners:top_gainers"}


def liveness(clock: ManualClock) -> Liveness:
    return Liveness(LABELS, clock)


def test_nothing_heard_yet_is_stale_and_of_no_age() -> None:
    status = liveness(ManualClock()).status()
    assert (status.state, status.age_ms) == ("stale", None)


def test_everything_heard_is_live_with_the_age_of_the_newest_data() -> None:
    clock = ManualClock()
    heard = liveness(clock)
    received_ns = clock.time_ns()
    clock.advance(2)
    for channel in LABELS:
        heard.heard(channel, received_ns)
    assert (heard.status().state, heard.status().age_ms) == ("live", 2_000)


def test_one_silent_channel_is_named_by_its_label() -> None:
    clock = ManualClock()
    heard = liveness(clock)
    for channel in LABELS:
        heard.heard(channel, 0)
    clock.advance(4)
    heard.heard("scanners:top_gainers", 0)
    clock.advance(2)
    assert heard.status().state == "stale"
    assert heard.status().detail == "no data for 5 s from shard 0"


def test_silence_of_all_and_its_end() -> None:
    clock = ManualClock()
    heard = liveness(clock)
    clock.advance(6)
    assert heard.status().detail == "no data for 5 s"
    for channel in LABELS:
        heard.heard(channel, 0)
    assert heard.status().state == "live"


def test_a_store_that_cannot_be_read_is_stale_without_telling_its_address() -> None:
    heard = liveness(ManualClock())
    for channel in LABELS:
        heard.heard(channel, 0)
    heard.store_failed("ConnectionError: 10.0.0.7:6379")
    assert heard.status().detail == "the store cannot be reached"
    assert "10.0.0.7" in heard.store_trouble
    heard.store_read()
    assert heard.status().state == "live"
