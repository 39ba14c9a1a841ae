"""Two Widget Data Services in one process, each on a cache of its own: neither knows of the other."""

import aiohttp
import pytest
from pytest_django import Settings

from marketdata.schema.boards import TOP_GAINERS
from marketdata.store.keys import Keys
from tests.support.deadlines import eventually
from tests.support.services import ValkeyServer
from tests.support.widget_site import WidgetSite, logged_in, use_layer

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.redis]


async def test_each_client_has_the_feeds_of_its_own_service(
    redis_url: str, keys: Keys, settings: Settings
) -> None:
    use_layer(settings, redis_url, keys.board("layer"))
    with ValkeyServer() as other_cache:
        async with WidgetSite(redis_url, keys) as one, WidgetSite(other_cache.url, keys) as other:
            session = await logged_in("ada")
            for site, close in ((one, 1.0), (other, 2.0)):
                await site.market.board(TOP_GAINERS, {"AAPL": {"close": close}})
                async with site.client(session) as client:
                    await client.say(type="subscribe", feeds=[TOP_GAINERS])
                    snapshot = await client.of_type("snapshot", TOP_GAINERS)
                    assert [row[:2] for row in snapshot["rows"]] == [["AAPL", close]]


async def test_each_readiness_page_tells_the_state_of_its_own_hub(
    redis_url: str, keys: Keys, settings: Settings
) -> None:
    use_layer(settings, redis_url, keys.board("layer"))
    settings.ALLOWED_HOSTS = ["127.0.0.1"]
    async with aiohttp.ClientSession() as http:

        async def state(site: WidgetSite) -> str | None:
            async with http.get(f"{site.origin}/readyz") as answer:
                data = (await answer.json())["data"]
            return data and str(data["state"])

        with ValkeyServer() as other_cache:
            async with WidgetSite(redis_url, keys) as one, WidgetSite(other_cache.url, keys) as other:
                one.hub.start()
                other.hub.start()
                other_cache.kill()

                async def are_told_apart() -> bool:
                    return (await state(one), await state(other)) == ("no_listener", "cache_away")

                await eventually(are_told_apart, 10.0)
