"""Notices between processes that the logins of a user may have changed.

A notice names a user and nothing else: who receives it asks the database. So a notice that is late, repeated
or forged does no harm, and the channel layer holds no session keys. It only makes things faster: without it
the next look finds the change (`login_service`).

Each web process has one channel in one group for all its connections.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from asgiref.sync import async_to_sync
from channels.layers import BaseChannelLayer, get_channel_layer
from django.db import transaction

from marketdata.observability.logs import RateLimitedLog, get_logger

GROUP: Final = "logins"
NOTICE: Final = "login.changed"
JOIN_AGAIN_SECONDS: Final = 30.0
"""A channel layer that restarts loses its groups, so a process joins again and again."""
RETRY_SECONDS: Final = 5.0

_log = RateLimitedLog(get_logger(__name__))


def announce_change(user_id: int) -> None:
    """Tell all web processes, after the transaction, to look at the logins of this user."""
    transaction.on_commit(lambda: _send(user_id))


def _send(user_id: int) -> None:
    try:
        async_to_sync(get_channel_layer().group_send)(GROUP, {"type": NOTICE, "user_id": user_id})
    except Exception as error:  # noqa: BLE001 - a logout must succeed whatever the layer's driver raises
        _log.warning("changed login not announced", reason=type(error).__name__, error=str(error))


async def hear_changes(heard: Callable[[int], None]) -> None:
    """Call `heard` with the user of each notice, for ever. A layer that fails is tried again."""
    while True:
        try:
            await _hear_until_it_fails(heard)
        except Exception as error:  # noqa: BLE001 - each driver has its own errors
            _log.warning("notices of logins not received", reason=type(error).__name__, error=str(error))
            await asyncio.sleep(RETRY_SECONDS)


async def _hear_until_it_fails(heard: Callable[[int], None]) -> None:
    layer: BaseChannelLayer = get_channel_layer()
    channel = await layer.new_channel(GROUP)  # only makes a name, without I/O
    try:
        while True:
            await layer.group_add(GROUP, channel)
            try:
                async with asyncio.timeout(JOIN_AGAIN_SECONDS):
                    while True:
                        _pass_on(await layer.receive(channel), heard)
            except TimeoutError:
                pass
    finally:
        await _leave(layer, channel)


def _pass_on(notice: dict[str, Any], heard: Callable[[int], None]) -> None:
    user_id = notice.get("user_id")
    if isinstance(user_id, int):  # an earlier release may share the layer during an update
        heard(user_id)


async def _leave(layer: BaseChannelLayer, channel: str) -> None:
    try:
        async with asyncio.timeout(1.0):
            await layer.group_discard(GROUP, channel)
    except Exception as error:  # noqa: BLE001 - each driver has its own errors; a membership expires anyway
        _log.warning("group of notices not left", reason=type(error).__name__, error=str(error))
