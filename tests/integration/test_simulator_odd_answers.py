"""Scenario `hostile` by REST: each odd answer over a real socket, byte for byte what it says it is."""

import contextlib
import gzip
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from aiohttp import ClientSession
from msgspec import structs

from marketdata.providers.massive.emulator.odd_answers import COSTLY, Oddity, OddSchedule, Plan
from marketdata.simulator.service import SimulatorService
from marketdata.synthetic_market.scenarios import SCENARIOS
from tests.support.simulator import FULL_KEY, running, sent_defects_of, simulator_config

GROUPED = "/v2/aggs/grouped/locale/us/market/stocks/2026-11-19"
TICKERS = "/v3/reference/tickers"
STATUS = "/v1/marketstatus/now"
MEBIBYTE = 1 << 20


@pytest.fixture
def plan(monkeypatch: pytest.MonkeyPatch) -> dict[str, Plan]:
    """What is odd about every answer from now on, under "now"; nothing at first."""
    held = {"now": Plan()}
    monkeypatch.setattr(OddSchedule, "plan", lambda *_: held["now"])
    return held


@pytest.fixture
async def simulator() -> AsyncIterator[SimulatorService]:
    async with running(structs.replace(simulator_config(), scenario=SCENARIOS["hostile"])) as service:
        yield service


async def get(simulator: SimulatorService, path: str, **query: str) -> tuple[int, Mapping[str, str], bytes]:
    """Status, headers and the body as it was sent."""
    headers = {"Authorization": f"Bearer {FULL_KEY}"}
    async with (
        ClientSession(auto_decompress=False) as session,
        session.get(f"http://{simulator.address}{path}", headers=headers, params=query) as response,
    ):
        return response.status, response.headers, await response.read()


async def body_of(simulator: SimulatorService, path: str, **query: str) -> dict[str, Any]:
    status, _, body = await get(simulator, path, **query)
    assert status == 200
    told: dict[str, Any] = json.loads(body)
    return told


@pytest.mark.parametrize(
    ("oddity", "status", "text"),
    [
        (Oddity.HTML, 200, "<html>"),
        (Oddity.ERROR_STATUS, 200, '"status":"ERROR"'),
        (Oddity.BAD_REQUEST, 400, '"status":"ERROR"'),
        (Oddity.NOT_FOUND, 404, '"status":"NOT_FOUND"'),
        (Oddity.ECHOED_KEY, 400, f"Bearer {FULL_KEY}"),
    ],
)
async def test_what_is_no_answer_says_so_in_its_own_way(
    simulator: SimulatorService, plan: dict[str, Plan], oddity: Oddity, status: int, text: str
) -> None:
    plan["now"] = Plan(oddity)
    told, _, body = await get(simulator, GROUPED)
    assert told == status
    assert text in body.decode()
    assert dict(sent_defects_of(simulator)) == {oddity: 1}


async def test_cut_bodies_are_the_beginning_of_the_good_one(
    simulator: SimulatorService, plan: dict[str, Plan]
) -> None:
    _, _, good = await get(simulator, GROUPED)
    plan["now"] = Plan(Oddity.CUT_JSON)
    _, _, cut = await get(simulator, GROUPED)
    assert len(cut) == len(good) * 2 // 3
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        json.loads(cut)
    plan["now"] = Plan(Oddity.CUT_GZIP)
    _, headers, cut = await get(simulator, GROUPED)
    assert headers["Content-Encoding"] == "gzip"
    with pytest.raises(EOFError):
        gzip.decompress(cut)


async def test_a_session_of_the_calendar_has_no_bar(
    simulator: SimulatorService, plan: dict[str, Plan]
) -> None:
    plan["now"] = Plan(Oddity.EMPTY_SESSION)
    body = await body_of(simulator, GROUPED)
    assert ("results" in body, body["resultsCount"], body["status"]) == (False, 0, "OK")


async def test_the_time_of_the_market_is_told_in_an_odd_way(
    simulator: SimulatorService, plan: dict[str, Plan]
) -> None:
    good = await body_of(simulator, STATUS)
    plan["now"] = Plan(Oddity.ODD_TIME)
    odd = await body_of(simulator, STATUS)
    assert {name for name in good if good[name] != odd[name]} <= {"serverTime", "request_id"}
    assert odd["serverTime"] != good["serverTime"]


async def pages(simulator: SimulatorService, count: int) -> list[tuple[str, dict[str, Any]]]:
    """The next so many pages of tickers: the address of each, and its body."""
    path, query = TICKERS, {"limit": "100"}
    found: list[tuple[str, dict[str, Any]]] = []
    for _ in range(count):
        body = await body_of(simulator, path, **query)
        found.append((str(query), body))
        path, _, cursor = body["next_url"].removeprefix(f"http://{simulator.address}").partition("?cursor=")
        query = {"cursor": cursor.replace("%3D", "=")} if cursor else {}
    return found


async def test_a_page_names_itself_as_the_next_one(
    simulator: SimulatorService, plan: dict[str, Plan]
) -> None:
    plan["now"] = Plan(Oddity.PAGE_REPEATS)
    addresses = [address for address, _ in await pages(simulator, 4)]
    assert len(set(addresses)) == 2
    assert addresses[1:] == [addresses[1]] * 3


async def test_two_pages_name_each_other_as_the_next_one(
    simulator: SimulatorService, plan: dict[str, Plan]
) -> None:
    plan["now"] = Plan(Oddity.PAGES_ALTERNATE)
    addresses = [address for address, _ in await pages(simulator, 6)]
    assert len(set(addresses)) == 3
    assert addresses[1:] == [addresses[1], addresses[2]] * 2 + [addresses[1]]


async def test_a_next_page_has_no_query(simulator: SimulatorService, plan: dict[str, Plan]) -> None:
    plan["now"] = Plan(Oddity.PAGE_WITHOUT_QUERY)
    body = await body_of(simulator, TICKERS, limit="100")
    assert body["next_url"] == f"http://{simulator.address}{TICKERS}"


async def test_a_body_goes_on_until_its_reader_leaves(
    simulator: SimulatorService, plan: dict[str, Plan]
) -> None:
    plan["now"] = Plan(Oddity.ENDLESS)
    headers = {"Authorization": f"Bearer {FULL_KEY}"}
    read = 0
    async with (
        ClientSession() as session,
        session.get(f"http://{simulator.address}{GROUPED}", headers=headers) as response,
    ):
        assert response.content_length is None
        async for chunk in response.content.iter_any():
            read += len(chunk)
            if read > 100 * MEBIBYTE:
                break
    plan["now"] = Plan()
    assert (await body_of(simulator, GROUPED))["resultsCount"] == 300


@pytest.mark.parametrize("oddity", sorted({oddity for kinds in COSTLY.values() for oddity in kinds}))
async def test_a_wrong_key_is_refused_before_anything_odd_happens(
    simulator: SimulatorService, plan: dict[str, Plan], oddity: Oddity
) -> None:
    plan["now"] = Plan(oddity)
    async with ClientSession() as session:
        response = await session.get(f"http://{simulator.address}{GROUPED}?apiKey=wrong")
        assert response.status == 401
    assert not sent_defects_of(simulator)


async def test_other_scenarios_have_no_odd_answers(plan: dict[str, Plan]) -> None:
    plan["now"] = Plan(Oddity.HTML, (Oddity.UNUSUAL_ROWS,))
    bad = structs.replace(simulator_config(), scenario=SCENARIOS["bad"])
    async with contextlib.AsyncExitStack() as stack:
        simulator = await stack.enter_async_context(running(bad))
        assert (await body_of(simulator, GROUPED))["resultsCount"] == 300
