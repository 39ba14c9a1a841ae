"""A web process with too much to do, and clients that ask for too much."""

from collections.abc import AsyncIterator

import pytest
from pytest_django import Settings
from redis import Redis

from marketdata.payloads import encode_row_block
from marketdata.schema.boards import TOP_GAINERS
from marketdata.store.keys import Keys
from mdp_site.web_settings import WebSettings
from tests.support.builders import row_block
from tests.support.widget_site import WidgetSite, logged_in, use_layer

pytestmark = pytest.mark.django_db(transaction=True)

BACKLOG = 200
LIMITS = WebSettings(messages_per_second=20, message_burst_seconds=5)


@pytest.fixture
async def site(redis_url: str, unique_prefix: str, settings: Settings) -> AsyncIterator[WidgetSite]:
    use_layer(settings, redis_url, unique_prefix)
    async with WidgetSite(redis_url, Keys(f"{unique_prefix}:"), limits=LIMITS) as running:
        yield running


def board(close: float, tick: int) -> bytes:
    rows = {f"S{number:03}": {"close": close, "avg_volume": float(number)} for number in range(500)}
    return encode_row_block(row_block(rows, epoch=2**62, tick=tick))


async def test_a_process_that_stood_still_catches_up_with_the_newest_state_and_skips_the_rest(
    site: WidgetSite, redis_url: str, unique_prefix: str
) -> None:
    channel = Keys(f"{unique_prefix}:").board(TOP_GAINERS)
    async with site.client(await logged_in("ada")) as client:
        await client.say(type="subscribe", feeds=[TOP_GAINERS])
        await site.market.board(TOP_GAINERS, {"S000": {"close": 0.0}})
        await client.of_type("snapshot", TOP_GAINERS)
        with Redis.from_url(redis_url) as producer:
            # This blocks the event loop, and so the web process, while its market goes on.
            for tick in range(1, BACKLOG + 1):
                producer.publish(channel, board(float(tick), tick))
        frame = await client.frame(lambda frame: frame.get("feed") == TOP_GAINERS)
        assert {row[1] for row in frame["rows"]} == {float(BACKLOG)}


async def test_one_who_sends_too_many_messages_is_closed_and_another_is_not(site: WidgetSite) -> None:
    session = await logged_in("ada")
    async with site.client(session) as flooding, site.client(session) as polite:
        for number in range(500):
            await flooding.connection.send(f'{{"type":"ping","id":{number}}}')
        assert await flooding.closed() == 4430
        await polite.say(type="ping", id=1)
        await polite.of_type("pong")
