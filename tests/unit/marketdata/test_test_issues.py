"""What exchanges list for tests is known by its name, and nothing else is taken for it."""

import pytest

from marketdata.issues import is_test_issue


@pytest.mark.parametrize(
    "symbol",
    [
        *("ZVZZT", "ZWZZT", "ZXZZT", "ZJZZT", "ZAZZT", "ZBZZT", "ZCZZT", "ZVZZC", "ZVZZCNX"),
        *("ZBZX", "ZTEST", "ZTST", "ZEXIT", "ZIEXT", "ZXIET", "ZVV", "IGZ", "CBO", "CBX", "ZZK", "ZXYZ.A"),
        *("NTEST", "ATEST", "CTEST", "MTEST", "PTEST", "TEST"),
        *("NTEST.A", "ATEST.Z", "CTEST.E", "PTEST.WS", "NTESTpA", "ATEST-B", "NTEST.TEST", "ABC/TEST"),
    ],
)
def test_test_issues_are_known(symbol: str) -> None:
    assert is_test_issue(symbol)


@pytest.mark.parametrize(
    "symbol",
    [
        "AAPL",
        "ZVIA",
        "CBOE",
        "CBOX",
        "IBO",
        "ZZZ",
        "ZTS",
        "TST",
        "NTES",
        "TESTA",
        "NTESTY",
        "zvzzt",
        "Z",
        "BACpB",
        "",
    ],
)
def test_other_symbols_are_none(symbol: str) -> None:
    assert not is_test_issue(symbol)
