"""The ASGI lifespan of the web process."""

from widgets import routing


async def test_the_server_is_told_that_start_and_shutdown_are_complete() -> None:
    events = iter(["lifespan.startup", "lifespan.shutdown"])
    answers = []

    async def receive() -> dict[str, str]:
        return {"type": next(events)}

    async def send(message: object) -> None:
        answers.append(message)

    await routing.lifespan({"type": "lifespan"}, receive, send)
    assert answers == [{"type": "lifespan.startup.complete"}, {"type": "lifespan.shutdown.complete"}]
    assert routing.hub.unready() == {}
