"""The login behind a connection, and how a connection learns that its login has ended.

Each connection joins the channel layer's group of its user. There it receives notices of the form
`{"type": "session.ended", "session_key": ... | None, "token_id": ... | None}`. A notice with both None ends
all connections of the user, another one the connections with that session or that token. Since a notice can
be lost, the login is also checked from time to time.
"""

import asyncio
from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final

import msgspec
from channels.auth import get_user
from channels.layers import BaseChannelLayer, get_channel_layer
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.utils import timezone

from marketdata.observability.logs import RateLimitedLog, get_logger
from mdp_site.accounts.models import ApiToken, User
from mdp_site.accounts.roles import Right, rights_of

RECHECK_SECONDS: Final = 60.0
RETRY_SECONDS: Final = 5.0

_log = RateLimitedLog(get_logger(__name__))


def group_of(user_id: int) -> str:
    """The channel layer's group that receives the notices about a user's ended logins."""
    return f"user.{user_id}"


def end_notice(session_key: str | None, token_id: int | None) -> dict[str, Any]:
    """The notice for the group of a user that a login has ended."""
    return {"type": "session.ended", "session_key": session_key, "token_id": token_id}


class Login(msgspec.Struct, frozen=True, kw_only=True):
    """The user of a connection, and the session (of a browser) or token (of a program) that opened it.

    One of `session_key` and `token_id` is None. `permissions` are those at the time of the handshake. A login
    is the `widgets.viewer.Viewer` of its connection.
    """

    user_id: int
    username: str
    permissions: frozenset[str]
    session_key: str | None = None
    token_id: int | None = None
    recheck_seconds: float = RECHECK_SECONDS

    def is_ended_by(self, notice: Mapping[str, Any]) -> bool:
        """Whether a `session.ended` notice for this user ends this login. A notice without keys ends all."""
        session_key, token_id = notice.get("session_key"), notice.get("token_id")
        if session_key is None and token_id is None:
            return True
        if session_key is not None:
            return bool(session_key == self.session_key)
        return bool(token_id == self.token_id)

    async def is_valid(self) -> bool:
        """Whether the session or token is usable and its user still has the right. Queries the database."""
        if self.token_id is not None:
            user = await _user_of_token(self.token_id)
        else:
            user = await _user_of_session(self.session_key)
        return user.pk == self.user_id and Right.MARKET_DATA in rights_of(user)

    async def wait_until_ended(self) -> None:
        """Return when the login has ended.

        Notices are fast but not reliable: a channel layer that restarts loses its groups. So the login is
        checked, and the group joined again, every `recheck_seconds`. A layer or database that cannot be
        reached ends no connection.
        """
        layer: BaseChannelLayer = get_channel_layer()
        group = group_of(self.user_id)
        channel = await layer.new_channel()  # only makes a name, without I/O
        try:
            while True:
                try:
                    await layer.group_add(group, channel)
                    if await self._is_notified(layer, channel) or not await self.is_valid():
                        return
                except Exception as error:  # noqa: BLE001 - no failure of a driver may end the feeds
                    _log.warning("login not checked", reason=type(error).__name__, error=str(error))
                    await asyncio.sleep(RETRY_SECONDS)
        finally:
            await _leave(layer, group, channel)

    async def _is_notified(self, layer: BaseChannelLayer, channel: str) -> bool:
        """Wait `recheck_seconds` for a notice that ends this login. Returns whether it came."""
        try:
            async with asyncio.timeout(self.recheck_seconds):
                while not self.is_ended_by(await layer.receive(channel)):
                    pass
        except TimeoutError:
            return False
        return True


async def _user_of_token(token_id: int) -> User | AnonymousUser:
    usable = ApiToken.objects.get_queryset().usable(timezone.now()).select_related("user")
    token = await usable.filter(pk=token_id).afirst()
    return AnonymousUser() if token is None else token.user


async def _user_of_session(session_key: str | None) -> User | AnonymousUser:
    session = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
    user: User | AnonymousUser = await get_user({"session": session})
    return user


async def _leave(layer: BaseChannelLayer, group: str, channel: str) -> None:
    try:
        async with asyncio.timeout(1.0):
            await layer.group_discard(group, channel)
    except Exception as error:  # noqa: BLE001 - each driver has its own errors; a membership expires anyway
        _log.warning("group not left", reason=type(error).__name__, error=str(error))
