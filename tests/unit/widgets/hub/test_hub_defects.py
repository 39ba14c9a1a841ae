"""A task of the hub that dies: whichever, by whatever, the hub starts over and tells it."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from marketdata.observability import metrics
from marketdata.schema.boards import TOP_GAINERS
from tests.support.deadlines import eventually
from tests.unit.widgets.hub.hub_rig import BOARD, HubRig
from widgets.hub.outbox import Outboxes
from widgets.hub.switchboard import Switchboard


class Panic(BaseException):
    """What a library below Python may raise: no `Exception`."""


def raising_once(owner: Any, method: str) -> Callable[[pytest.MonkeyPatch, BaseException], None]:
    """Have a method raise at its next call, and work again from then on."""

    def prepare(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
        works = getattr(owner, method)

        def defective(*_arguments: Any) -> Any:
            monkeypatch.setattr(owner, method, works)
            raise error

        monkeypatch.setattr(owner, method, defective)

    return prepare


TASKS = {
    "receive": lambda rig: raising_once(Switchboard, "take"),
    "send": lambda rig: raising_once(Switchboard, "emit_due"),
    "walk": lambda rig: raising_once(Outboxes, "walk"),
    "render": lambda rig: raising_once(Outboxes, "_flush"),
    "read": lambda rig: raising_once(rig.snapshots, "board"),
    "housekeep": lambda rig: raising_once(Outboxes, "housekeep"),
    "listener watch": lambda rig: raising_once(rig.listener, "actual"),
}


@pytest.mark.parametrize(
    "error", [LookupError, MemoryError, asyncio.CancelledError, Panic, StopAsyncIteration]
)
@pytest.mark.parametrize("task", TASKS)
async def test_whichever_task_dies_the_hub_starts_over_and_clients_are_told(
    rig: HubRig, monkeypatch: pytest.MonkeyPatch, task: str, error: type[BaseException]
) -> None:
    rig.subscribe(BOARD)
    rig.board(1.0, tick=1)
    await eventually(rig.holds(TOP_GAINERS, {"AAPL": [1.0]}), 2.0)
    restarts = metrics.HUB_RESTARTS._value.get()
    TASKS[task](rig)(monkeypatch, error("a defect"))
    rig.announcements.reconnect()  # makes the hub read the store
    rig.board(2.0, tick=2)
    await eventually(lambda: metrics.HUB_RESTARTS._value.get() > restarts, 3.0)
    await eventually(lambda: rig.hub.unready() == {} and rig.announcements.readers > 1, 3.0)
    rig.board(3.0, tick=3)
    await eventually(rig.holds(TOP_GAINERS, {"AAPL": [3.0]}), 3.0)
    rig.read()
    if task not in ("walk", "render"):  # there the telling itself may have died
        assert "This web process failed; it starts over." in [status["detail"] for status in rig.statuses]


async def test_while_the_hub_starts_over_the_process_is_not_ready_and_says_why(rig: HubRig) -> None:
    rig.attach()
    rig.announcements.fail(Panic("a defect"))
    await eventually(lambda: "Panic: a defect" in rig.hub.unready().get("hub", ""), 3.0)
    await eventually(lambda: rig.hub.unready() == {}, 3.0)
