"""The ASGI lifespan of the web process."""

from marketdata.store.keys import Keys
from widgets.data_service import WidgetDataService


async def test_the_server_is_told_that_start_and_shutdown_are_complete() -> None:
    events = iter(["lifespan.startup", "lifespan.shutdown"])
    answers = []

    async def receive() -> dict[str, str]:
        return {"type": next(events)}

    async def send(message: object) -> None:
        answers.append(message)

    service = WidgetDataService(cache_url="redis://127.0.0.1:1/0", keys=Keys(), shard_count=1)
    await service.lifespan({"type": "lifespan"}, receive, send)
    assert answers == [{"type": "lifespan.startup.complete"}, {"type": "lifespan.shutdown.complete"}]
    assert service.hub.unready() == {}
