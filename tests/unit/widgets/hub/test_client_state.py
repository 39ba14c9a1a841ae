"""Whatever happens between server and client, the client ends with the server's state, over both versions."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.unit.widgets.hub.client_rig import FEEDS, SYMBOLS, Client1, Client2, Market

symbols = st.lists(st.sampled_from(SYMBOLS), unique=True, max_size=6)
clients_by_number = st.integers(0, 2)
processes_by_number = st.integers(0, 1)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("board"), symbols),
        st.tuples(st.just("tick"), symbols, st.integers(0, 3), st.integers(0, 3), st.booleans()),
        st.tuples(st.just("new_producer")),
        st.tuples(st.sampled_from(["cut_off", "connect_again", "step"]), processes_by_number),
        st.tuples(st.sampled_from(["pause", "resume", "leave", "read"]), clients_by_number),
        st.tuples(st.just("come_back"), clients_by_number, processes_by_number),
    ),
    max_size=40,
)


@pytest.mark.parametrize("name", FEEDS)
@pytest.mark.parametrize("version", [Client1, Client2])
@settings(max_examples=60, deadline=None)
@given(history=steps)
@example([("step", 0), ("tick", ["AAPL"], 0, 0, False), ("step", 1), ("read", 0), ("come_back", 0, 1)])
def test_after_any_history_a_client_holds_what_the_server_has(
    version: type[Client1] | type[Client2], name: str, history: Sequence[tuple[Any, ...]]
) -> None:
    asyncio.run(follow(version, name, history))


async def follow(
    version: type[Client1] | type[Client2], name: str, history: Sequence[tuple[Any, ...]]
) -> None:
    market = Market()
    for process in market.processes:
        await process.step()
    clients = [version(name) for _ in range(3)]
    for number, client in enumerate(clients):
        client.come_back(market.processes[number % 2])
        await client.read()
    for step in history:
        await happen(market, clients, step)
    await settle(market, clients)
    for client in clients:
        assert client.holds() == market.truth(name)


async def happen(market: Market, clients: Sequence[Client1 | Client2], step: tuple[Any, ...]) -> None:
    match step:
        case "board", ranked:
            market.board(ranked)
        case "tick", changed, alerts, trades, late:
            market.tick(changed, alerts=alerts, trades=trades, late=late)
        case ("new_producer",):
            market.new_producer()
        case ("cut_off" | "connect_again" | "step") as what, number:
            result = getattr(market.processes[number], what)()
            await (result or asyncio.sleep(0))
        case ("pause" | "resume") as what, number:
            getattr(clients[number].sink, what)()
        case "leave", number:
            clients[number].leave()
        case "read", number:
            await clients[number].read()
        case "come_back", number, place:
            clients[number].come_back(market.processes[place])


async def settle(market: Market, clients: Sequence[Client1 | Client2]) -> None:
    """Let all hear, connect and read. The producers tick once more, as they do each second."""
    for process in market.processes:
        process.connect_again()
    for number, client in enumerate(clients):
        client.sink.resume()
        if client.process is None:
            client.come_back(market.processes[number % 2])
    market.tick([], alerts=0, trades=0)
    for _ in range(3):
        for process in market.processes:
            await process.step()
        for client in clients:
            await client.read()
