"""Recognises test issues: securities that exchanges list so that their members can test their systems.

They trade on production feeds at meaningless prices, and neither events nor reference data mark them. So they
are recognised by their symbols. Sources: the exchanges' notices of test securities, such as Nasdaq's symbol
directory (column "Test Issue") and its list for the trade reporting facilities. Symbols that were later given
to real securities (IBO, ZZZ) are not included.
"""

import re
from typing import Final

_NAMES: Final = (
    "CBO", "CBX", "IGZ", "ZVV", "ZZK", "ZZV",  # New York, Arca and American
    "ZBZX", "ZTST", "ZEXIT", "ZIEXT", "ZXIET",  # Cboe and IEX
    "ZVZZC", "ZVZZCNX", "ZXYZ.A",  # Nasdaq, beside the family below
)  # fmt: skip

# Families: ZVZZT of Nasdaq; TEST of the listing exchanges (American, Chicago, New York, Arca and others),
# with every kind of suffix (`NTEST`, `NTEST.A`, `ATESTpB`); the consolidated tape's suffix for tests.
_FAMILIES: Final = (r"Z[A-Z]ZZT", r"[A-Z]?TEST(?:[^A-Z].*)?", r".+[/.]TEST")

_TEST_ISSUE: Final = re.compile("|".join((*map(re.escape, _NAMES), *_FAMILIES)))


def is_test_issue(symbol: str) -> bool:
    """Whether a symbol is that of a test issue."""
    return _TEST_ISSUE.fullmatch(symbol) is not None
