"""The login behind a connection: notices of its end, and a look at it now and then.

Each connection joins the channel layer's group of its user. What is sent there:
`{"type": "session.ended", "session_key": ... | None, "token_id": ... | None}`. With both None, every
connection of the user is meant; otherwise the ones that came in by that session or that token.
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
    """The channel layer's group that hears of ended logins of a user."""
    return f"user.{user_id}"


def end_notice(session_key: str | None, token_id: int | None) -> dict[str, Any]:
    """What is sent to the group of a user when a login has ended."""
    return {"type": "session.ended", "session_key": session_key, "token_id": token_id}


class Login(msgspec.Struct, frozen=True, kw_only=True):
    """Who came in, and by what: a browser's session or a program's token; the other one is None.

    This is the `widgets.viewer.Viewer` of a connection. `permissions` are those of the moment of entering.
    """

    user_id: int
    username: str
    permissions: frozenset[str]
    session_key: str | None = None
    token_id: int | None = None
    recheck_seconds: float = RECHECK_SECONDS

    def concerned_by(self, notice: Mapping[str, Any]) -> bool:
        """Whether a `session.ended` notice to this user means this connection; without a key all are."""
        session_key, token_id = notice.get("session_key"), notice.get("token_id")
        if session_key is None and token_id is None:
            return True
        if session_key is not None:
            return bool(session_key == self.session_key)
        return bool(token_id == self.token_id)

    async def holds(self) -> bool:
        """Whether session or token can still be used, and its user still has the right: asks the database."""
        if self.token_id is not None:
            user = await _user_of_token(self.token_id)
        else:
            user = await _user_of_session(self.session_key)
        return user.pk == self.user_id and Right.MARKET_DATA in rights_of(user)

    async def wait_until_ended(self) -> None:
        """Returns when the login has ended.

        Notices are quick but not certain (a layer that restarts forgets its groups), so the login itself is
        looked at every `recheck_seconds`, and the group joined anew. A layer or database that is away ends no
        connection.
        """
        layer: BaseChannelLayer = get_channel_layer()
        group = group_of(self.user_id)
        channel = await layer.new_channel()  # makes up a name, asks nobody
        try:
            while True:
                try:
                    await layer.group_add(group, channel)
                    if await self._noticed(layer, channel) or not await self.holds():
                        return
                except Exception as error:  # noqa: BLE001 - any driver's trouble must not end the feeds
                    _log.warning("login not checked", reason=type(error).__name__, error=str(error))
                    await asyncio.sleep(RETRY_SECONDS)
        finally:
            await _leave(layer, group, channel)

    async def _noticed(self, layer: BaseChannelLayer, channel: str) -> bool:
        try:
            async with asyncio.timeout(self.recheck_seconds):
                while not self.concerned_by(await layer.receive(channel)):
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
    except Exception as error:  # noqa: BLE001 - any driver's; a member left behind expires
        _log.warning("group not left", reason=type(error).__name__, error=str(error))
