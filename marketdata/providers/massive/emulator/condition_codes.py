"""Trade and quote conditions and exchange ids, as the provider's reference calls list them.

Which conditions may update high and low, the last price, and volume follows the consolidated update rules
that the provider publishes for its stock feed.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

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
