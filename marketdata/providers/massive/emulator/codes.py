"""Massive's codes for what the synthetic market says in words, and its lists of conditions and exchanges.

Which conditions may update high and low, the last price, and volume follows the consolidated update rules
that the provider publishes for its stock feed.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from marketdata.synthetic_market.halts import BandNotice
from marketdata.synthetic_market.prints import TradeCondition
from marketdata.synthetic_market.universe import SecurityType

# id, name, then Y or n for: updates high/low, updates open/close, updates volume.
_TRADE_CONDITIONS: Final = """
0 Regular Trade|YYY
1 Acquisition|YYY
2 Average Price Trade|nnY
3 Automatic Execution|YYY
4 Bunched Trade|YYY
5 Bunched Sold Trade|YnY
6 CAP Election|YYY
7 Cash Sale|nnY
8 Closing Prints|YYY
9 Cross Trade|YYY
10 Derivatively Priced|YnY
11 Distribution|YYY
12 Form T/Extended Hours|nnY
13 Extended Hours (Sold Out Of Sequence)|nnY
14 Intermarket Sweep|YYY
15 Market Center Official Close|nnn
16 Market Center Official Open|nnn
17 Market Center Opening Trade|YYY
18 Market Center Reopening Trade|YYY
19 Market Center Closing Trade|YYY
20 Next Day|nnY
21 Price Variation Trade|nnY
22 Prior Reference Price|YnY
23 Rule 155 Trade (AMEX)|YYY
24 Rule 127 NYSE|YYY
25 Opening Prints|YYY
27 Stopped Stock (Regular Trade)|YYY
28 Re-Opening Prints|YYY
29 Seller|nnY
30 Sold Last|YYY
31 Sold Last and Stopped Stock|YYY
32 Sold (Out Of Sequence)|YnY
33 Sold Out Of Sequence and Stopped Stock|YnY
34 Split Trade|YYY
35 Stock Option|YYY
36 Yellow Flag Regular Trade|YYY
37 Odd Lot Trade|nnY
38 Corrected Consolidated Close|YYn
41 Trade Thru Exempt|YYY
52 Contingent Trade|nnY
53 Qualified Contingent Trade|nnY
55 Opening/Reopening Trade Detail|YYY
"""
_QUOTE_CONDITIONS: Final[Mapping[int, str]] = {1: "Regular, Two-Sided Open", 12: "Manual Bid and Ask"}
_CODES_OF_CONDITIONS: Final[Mapping[TradeCondition, int]] = {
    TradeCondition.AVERAGE_PRICE: 2,
    TradeCondition.CASH_SALE: 7,
    TradeCondition.DERIVATIVELY_PRICED: 10,
    TradeCondition.EXTENDED_HOURS: 12,
    TradeCondition.INTERMARKET_SWEEP: 14,
    TradeCondition.PRIOR_REFERENCE_PRICE: 22,
    TradeCondition.ODD_LOT: 37,
    TradeCondition.TRADE_THROUGH_EXEMPT: 41,
    TradeCondition.CONTINGENT: 52,
    TradeCondition.QUALIFIED_CONTINGENT: 53,
}
REGULAR_QUOTE: Final = 1
QUOTE_INDICATOR: Final = 604
FIRST_REPORTING_FACILITY: Final = 201
INDICATORS: Final[Mapping[BandNotice, int]] = {
    BandNotice.INTRADAY_UPDATE: 15,
    BandNotice.RESTATED: 16,
    BandNotice.HALTED: 17,
    BandNotice.REOPENED: 18,
    BandNotice.REPUBLISHED: 22,
}
SECURITY_TYPES: Final[Mapping[SecurityType, str]] = {
    SecurityType.COMMON_SHARE: "CS",
    SecurityType.DEPOSITARY_RECEIPT: "ADRC",
    SecurityType.FUND: "ETF",
    SecurityType.PREFERRED_SHARE: "PFD",
    SecurityType.UNIT: "UNIT",
    SecurityType.WARRANT: "WARRANT",
}
_EXCHANGE_ROWS: Final = (
    (1, "XASE", "NYSE American"),
    (2, "XBOS", "Nasdaq BX"),
    (3, "XCIS", "NYSE National"),
    (4, "FINR", "FINRA Trade Reporting Facilities"),
    (7, "EDGA", "Cboe EDGA"),
    (8, "EDGX", "Cboe EDGX"),
    (10, "XNYS", "New York Stock Exchange"),
    (11, "ARCX", "NYSE Arca"),
    (12, "XNAS", "Nasdaq"),
    (15, "IEXG", "Investors Exchange"),
    (17, "XPHL", "Nasdaq PHLX"),
    (18, "BATY", "Cboe BYX"),
    (19, "BATS", "Cboe BZX"),
    (20, "EPRL", "MIAX Pearl"),
    (21, "MEMX", "Members Exchange"),
)


def _trade_condition(line: str) -> Mapping[str, Any]:
    described, _, rules = line.partition("|")
    number, _, name = described.partition(" ")
    updates = dict(
        zip(
            ("updates_high_low", "updates_open_close", "updates_volume"),
            (rule == "Y" for rule in rules),
            strict=True,
        )
    )
    return {
        "id": int(number),
        "type": "sale_condition",
        "name": name,
        "asset_class": "stocks",
        "data_types": ["trade"],
        "sip_mapping": {},
        "update_rules": {"consolidated": updates, "market_center": updates},
    }


CONDITIONS: Final[Sequence[Mapping[str, Any]]] = (
    *(_trade_condition(line) for line in _TRADE_CONDITIONS.strip().splitlines()),
    *(
        {
            "id": number,
            "type": "quote_condition",
            "name": name,
            "asset_class": "stocks",
            "data_types": ["nbbo", "bbo"],
            "sip_mapping": {},
        }
        for number, name in _QUOTE_CONDITIONS.items()
    ),
)
EXCHANGES: Final[Sequence[Mapping[str, Any]]] = tuple(
    {
        "id": number,
        "type": "TRF" if number == 4 else "exchange",
        "asset_class": "stocks",
        "locale": "us",
        "name": name,
        "mic": mic,
    }
    for number, mic, name in _EXCHANGE_ROWS
)
EXCHANGE_IDS: Final[Mapping[str, int]] = {mic: number for number, mic, _ in _EXCHANGE_ROWS}


def condition_codes(conditions: TradeCondition) -> tuple[int, ...] | None:
    """The codes of a trade's conditions, ascending; None for a plain trade, which has no list of them."""
    return tuple(_CODES_OF_CONDITIONS[condition] for condition in conditions) or None
