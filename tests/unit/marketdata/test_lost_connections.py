"""uvloop reports a connection that was closed under a driver in its own way: that is the cache away."""

import asyncio
import socket

import pytest
import uvloop

from marketdata.errors import StoreUnavailable
from marketdata.store.connection import driver_errors


async def write_to_a_closed_connection() -> None:
    """What a driver does that does not know yet that its connection is closed."""
    ours, theirs = socket.socketpair()
    with theirs:
        transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, sock=ours)
        transport.abort()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        transport.writelines([b"PING"])


def test_the_cache_is_away_if_its_connection_closes_under_the_driver() -> None:
    async def use() -> None:
        with driver_errors():
            await write_to_a_closed_connection()

    with pytest.raises(StoreUnavailable, match="the handler is closed"):
        uvloop.run(use())


def test_another_error_of_this_kind_is_a_defect_and_stays() -> None:
    with pytest.raises(RuntimeError, match="a defect"), driver_errors():
        raise RuntimeError("a defect")
