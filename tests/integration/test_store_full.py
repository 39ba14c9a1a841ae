"""A cache that is out of memory says so, and shows nothing of what it did not take."""

import traceback

import pytest

from marketdata.errors import StoreUnavailable
from marketdata.store.connection import connect, driver_errors
from marketdata.store.keys import Keys
from marketdata.store.publisher import BlockPublisher
from marketdata.store.shard_state import ShardTick
from tests.support.builders import row_block
from tests.support.services import ValkeyServer

pytestmark = pytest.mark.redis


async def test_the_error_of_a_full_cache_names_the_cause_and_holds_no_bytes_of_a_block(keys: Keys) -> None:
    with ValkeyServer() as server:
        async with connect(server.url, retries=0) as redis:
            with driver_errors():
                await redis.config_set("maxmemory", 1)
            rows = row_block({"AAPL": {"close": 1.5}})
            with pytest.raises(StoreUnavailable) as caught:
                await BlockPublisher(redis, keys).publish_tick(3, ShardTick(whole=rows, changed=rows))

    text = str(caught.value)
    assert "maxmemory" in text
    assert text.isprintable()
    assert len(text) < 200
    assert "AAPL" not in "".join(traceback.format_exception(caught.value))
