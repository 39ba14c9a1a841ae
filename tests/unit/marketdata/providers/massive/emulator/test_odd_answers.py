"""Scenario `hostile`: odd REST answers come and go, drawn from the seed; who asks again has all of them."""

from pathlib import Path
from typing import Any

import pytest

from marketdata.providers.massive.emulator.odd_answers import (
    COSTLY,
    FAIR_WINDOW_EVERY,
    WINDOW_MS,
    Oddity,
    OddSchedule,
    with_odd_rows,
)
from marketdata.providers.massive.emulator.odd_rows import ABSURD_HIGH, ZERO
from marketdata.synthetic_market.defects import Defect

GROUPED = "/v2/aggs/grouped/locale/us/market/stocks/{date}"
TICKERS = "/v3/reference/tickers"
FLOATS = "/stocks/vX/float"
SPLITS = "/v3/reference/splits"
SNAPSHOT = "/v2/snapshot/locale/us/markets/stocks/tickers"
START_MS = 1_000_000
WINDOWS = 300
SCHEDULE = OddSchedule(seed=7, start_ms=START_MS)


def costly(path: str, window: int, address: str = "one") -> Oddity | None:
    return SCHEDULE.plan(path, address, START_MS + window * WINDOW_MS).costly


def rows_of(path: str, oddity: Oddity, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    name = "tickers" if path == SNAPSHOT else "results"
    body: dict[str, Any] = {name: rows}
    assert list(with_odd_rows(path, body, [oddity])) == [oddity]
    found: list[dict[str, Any]] = body[name]
    return found


@pytest.mark.parametrize("path", COSTLY)
def test_every_kind_comes_and_about_half_of_the_answers_of_bad_minutes_are_good(path: str) -> None:
    bad = [window for window in range(WINDOWS) if window % FAIR_WINDOW_EVERY != FAIR_WINDOW_EVERY - 1]
    found = [costly(path, window) for window in bad]
    assert set(found) == {None, *COSTLY[path]}
    assert 0.3 < found.count(None) / len(found) < 0.7


@pytest.mark.parametrize("path", COSTLY)
def test_nothing_is_lost_in_every_third_window(path: str) -> None:
    fair = range(FAIR_WINDOW_EVERY - 1, WINDOWS, FAIR_WINDOW_EVERY)
    assert {costly(path, window) for window in fair} == {None}


def test_an_answer_keeps_its_trouble_for_a_window_and_others_have_their_own() -> None:
    instants = range(START_MS, START_MS + WINDOW_MS, 1_000)
    assert len({SCHEDULE.plan(GROUPED, "one", instant) for instant in instants}) == 1
    assert len({costly(GROUPED, 0, str(address)) for address in range(100)}) > 5


def test_the_same_seed_has_the_same_troubles_and_another_one_others() -> None:
    def drawn(seed: int) -> list[Oddity | None]:
        schedule = OddSchedule(seed=seed, start_ms=START_MS)
        return [
            schedule.plan(GROUPED, "one", START_MS + window * WINDOW_MS).costly for window in range(WINDOWS)
        ]

    assert drawn(7) == drawn(7)
    assert drawn(7) != drawn(8)


def test_other_paths_are_always_answered_well() -> None:
    assert {costly("/v3/reference/conditions", window) for window in range(WINDOWS)} == {None}


def bar(number: int) -> dict[str, Any]:
    return {"T": f"S{number:02d}", "o": 10.0, "h": 11.0, "l": 9.0, "c": 10.5, "vw": 10.1, "v": 100, "n": 7}


def test_bars_are_listed_twice_before_and_after_the_traded_one() -> None:
    bars = [bar(number) for number in range(20)]
    found = rows_of(GROUPED, Oddity.BARS_TWICE, bars)
    assert [row for row in found if row["v"]] == bars
    again = [place for place, row in enumerate(found) if not row["v"]]
    assert len(again) == 4
    assert {found[place - 1]["T"] == found[place]["T"] for place in again} == {True, False}
    assert all(found[place]["c"] == 31.5 for place in again)


def test_tickers_and_floats_are_listed_twice_with_an_older_date() -> None:
    tickers = [
        {"ticker": f"S{n}", "name": "Now", "type": "CS", "last_updated_utc": "2026-11-20T00:00:00Z"}
        for n in range(20)
    ]
    found = rows_of(TICKERS, Oddity.TICKERS_TWICE, tickers)
    old = [row for row in found if row["type"] == "FUND"]
    assert [row for row in found if row["type"] == "CS"] == tickers
    assert {row["last_updated_utc"] for row in old} == {"2025-11-20T00:00:00Z"}
    floats = [{"ticker": f"S{n}", "effective_date": "2026-11-19", "free_float": 100} for n in range(20)]
    found = rows_of(FLOATS, Oddity.FLOATS_TWICE, floats)
    assert [row for row in found if row["free_float"] == 100] == floats
    assert [row["effective_date"] for row in found if row["free_float"] == 300] == ["2025-11-19"] * 4


def test_splits_are_listed_twice_and_differ_by_their_id_alone() -> None:
    splits = [{"id": "a", "ticker": "S", "split_from": 1, "split_to": 4}]
    found = rows_of(SPLITS, Oddity.SPLITS_TWICE, splits)
    assert found == [splits[0], {**splits[0], "id": "a-again"}]


def test_snapshot_rows_come_again_out_of_other_times_with_an_absurd_high() -> None:
    now_ns = 1_764_000_000_000_000_000
    rows = [{"ticker": name, "updated": now_ns, "day": {"h": 5}} for name in ("A", "B")]
    last = rows_of(SNAPSHOT, Oddity.SNAPSHOT_OF_1970, rows)[-1]
    assert (last["ticker"], last["updated"], last["day"]["h"]) == ("A", 1, ABSURD_HIGH)
    first = rows_of(SNAPSHOT, Oddity.SNAPSHOT_AHEAD, rows)[0]
    assert (first["ticker"], first["day"]["h"]) == ("B", ABSURD_HIGH)
    assert first["updated"] - now_ns == 3 * 86_400 * 10**9


def test_a_session_without_a_bar_stays_one() -> None:
    body: dict[str, Any] = {"status": "OK", "resultsCount": 0}
    assert not with_odd_rows(GROUPED, body, [Oddity.BARS_TWICE, Oddity.UNUSUAL_ROWS])
    assert body == {"status": "OK", "resultsCount": 0}


def test_unusual_shares_are_listed_on_the_last_page_and_null_follows_it() -> None:
    rows = [{"ticker": "A", "last_updated_utc": "2026-11-20T00:00:00Z"}]
    oddities = [Oddity.NULL_PAGE, Oddity.UNUSUAL_ROWS]
    body: dict[str, Any] = {"results": rows, "next_url": "there is more"}
    assert not with_odd_rows(TICKERS, body, oddities)
    body = {"results": rows}
    assert list(with_odd_rows(TICKERS, body, oddities)) == oddities
    assert body["next_url"] is None
    assert body["results"][-1]["ticker"] == ZERO


def test_every_kind_is_described_for_whoever_compares_counters() -> None:
    page = (Path(__file__).parents[6] / "docs" / "simulator.md").read_text(encoding="utf-8")
    assert not [kind for kind in (*Defect, *Oddity) if f"`{kind}`" not in page]
