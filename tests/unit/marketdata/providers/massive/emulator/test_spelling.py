"""How Massive spells what the synthetic market says in words."""

import pytest

from marketdata.providers.massive.emulator.codes import CONDITIONS, INDICATORS, condition_codes
from marketdata.providers.massive.emulator.spelling import CHANNEL_OF
from marketdata.providers.massive.wire import EventType
from marketdata.synthetic_market.blocks import EventKind
from marketdata.synthetic_market.halts import BandNotice
from marketdata.synthetic_market.prints import TradeCondition


def test_each_kind_of_event_has_the_channel_of_its_type() -> None:
    assert {kind.name: channel for kind, channel in CHANNEL_OF.items()} == {
        kind.name: EventType[kind.name].value for kind in EventKind
    }


def test_each_condition_has_a_code_of_the_providers_own_list() -> None:
    listed = {condition["id"] for condition in CONDITIONS}
    codes = [condition_codes(condition) for condition in TradeCondition]
    assert all(code is not None and len(code) == 1 and code[0] in listed for code in codes)
    assert len(set(codes)) == len(TradeCondition)


@pytest.mark.parametrize(
    ("conditions", "codes"),
    [
        (TradeCondition(0), None),
        (TradeCondition.ODD_LOT, (37,)),
        (TradeCondition.TRADE_THROUGH_EXEMPT | TradeCondition.INTERMARKET_SWEEP, (14, 41)),
        (TradeCondition.ODD_LOT | TradeCondition.EXTENDED_HOURS, (12, 37)),
    ],
)
def test_codes_of_conditions_ascend_and_a_plain_trade_has_none(
    conditions: TradeCondition, codes: tuple[int, ...] | None
) -> None:
    assert condition_codes(conditions) == codes


def test_each_notice_of_bands_has_its_indicator() -> None:
    assert set(INDICATORS) == set(BandNotice)
    assert (INDICATORS[BandNotice.HALTED], INDICATORS[BandNotice.REOPENED]) == (17, 18)
