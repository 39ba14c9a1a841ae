"""Most events ahead of the listener's clock mean that the clock is behind, which is told while it is so."""

from scanners.processor.outcome import PERIOD_NS, ClockAgreement

START_NS = 1_700_000_000_000_000_000


def test_a_few_wrong_stamps_are_no_trouble() -> None:
    agreement = ClockAgreement()
    agreement.note(START_NS, applied=10, ahead=9)
    assert agreement.failure(START_NS) == ""


def test_a_clock_that_is_behind_is_told_until_the_events_agree_again() -> None:
    agreement = ClockAgreement()
    agreement.note(START_NS, applied=1, ahead=500)
    assert "NTP" in agreement.failure(START_NS + 1)
    agreement.note(START_NS + PERIOD_NS, applied=0, ahead=0)
    assert "NTP" in agreement.failure(START_NS + PERIOD_NS + 1)
    agreement.note(START_NS + PERIOD_NS + 2, applied=500, ahead=1)
    assert agreement.failure(START_NS + PERIOD_NS + 3) == ""


def test_trouble_ends_by_itself_when_nothing_comes_any_more() -> None:
    agreement = ClockAgreement()
    agreement.note(START_NS, applied=0, ahead=500)
    assert agreement.failure(START_NS + 3 * PERIOD_NS) == ""


def test_a_wall_clock_that_goes_back_begins_a_new_period() -> None:
    agreement = ClockAgreement()
    agreement.note(START_NS, applied=0, ahead=500)
    assert agreement.failure(START_NS - 1) == ""
