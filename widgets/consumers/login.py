"""Whether the login behind a connection still holds: notices of its end, and a look now and then."""

import asyncio
from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final

import msgspec
from channels.auth import get_user
from channels.layers import BaseChannelLayer, get_channel_layer
from django.conf import settings
from django.utils import timezone

from marketdata.observability.logs import RateLimitedLog, get_logger
from widgets.models import ApiToken

RECHECK_SECONDS: Final = 60.0
RETRY_SECONDS: Final = 5.0

_log = RateLimitedLog(get_logger(__name__))


class Login(msgspec.Struct, frozen=True):
    """By what a connection came in: a browser's session or a program's token; the other one is None."""

    user_id: int
    session_key: str | None
    token_id: int | None

    def concerned_by(self, notice: Mapping[str, Any]) -> bool:
        """Whether a `session.ended` notice to this user means this connection; without a key all are."""
        session_key, token_id = notice.get("session_key"), notice.get("token_id")
        if session_key is None and token_id is None:
            return True
        if session_key is not None:
            return bool(session_key == self.session_key)
        return bool(token_id == self.token_id)

    async def holds(self) -> bool:
        """Whether session or token can still be used, and by an active user: asks the database."""
        if self.token_id is not None:
            usable = ApiToken.objects.get_queryset().usable(timezone.now())
            return await usable.filter(pk=self.token_id, user_id=self.user_id).aexists()
        session = import_module(settings.SESSION_ENGINE).SessionStore(self.session_key)
        user = await get_user({"session": session})
        return bool(user.is_authenticated and user.pk == self.user_id)


async def wait_for_end(login: Login, recheck_seconds: float = RECHECK_SECONDS) -> None:
    """Returns when the login has ended.

    Notices come through the channel layer's group `user.{id}` and are quick but not certain (a layer that
    restarts forgets its groups), so the login itself is looked at every `recheck_seconds`, and the
    group joined anew. A layer or database that is away ends no connection.
    """
    layer: BaseChannelLayer = get_channel_layer()
    group = f"user.{login.user_id}"
    channel = await layer.new_channel()  # makes up a name, asks nobody
    try:
        while True:
            try:
                await layer.group_add(group, channel)
                if await _noticed(layer, channel, login, recheck_seconds) or not await login.holds():
                    return
            except Exception as error:  # noqa: BLE001 - any driver's trouble must not end the feeds
                _log.warning("login not checked", reason=type(error).__name__, error=str(error))
                await asyncio.sleep(RETRY_SECONDS)
    finally:
        await _leave(layer, group, channel)


async def _noticed(layer: BaseChannelLayer, channel: str, login: Login, within_seconds: float) -> bool:
    try:
        async with asyncio.timeout(within_seconds):
            while not login.concerned_by(await layer.receive(channel)):
                pass
    except TimeoutError:
        return False
    return True


async def _leave(layer: BaseChannelLayer, group: str, channel: str) -> None:
    try:
        async with asyncio.timeout(1.0):
            await layer.group_discard(group, channel)
    except Exception as error:  # noqa: BLE001 - any driver's; a member left behind expires
        _log.warning("group not left", reason=type(error).__name__, error=str(error))
