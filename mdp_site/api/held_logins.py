"""The logins of those who ask: found in the database once, then followed like the login of a socket.

A program that asks ten times a second needs no query for each request. Its login is held for a while after
its last request, and the look of the `LoginService` at all open logins finds within 5 s that it has ended.
"""

import asyncio
import contextlib
from collections import OrderedDict
from typing import Final

from marketdata.clock import Clock
from mdp_site.accounts.login_service import LoginService
from mdp_site.accounts.logins import Login
from mdp_site.accounts.standings import Credential

HOLD_SECONDS: Final = 30.0
MOST_HELD: Final = 10_000


class _Held:
    """A login that is followed until `release`."""

    def __init__(self, login: Login, following: contextlib.ExitStack, used_at: float) -> None:
        self.login = login
        self.release = following.close
        self.used_at = used_at


class HeldLogins:
    """The logins that asked in the last `HOLD_SECONDS`, the one that asked last at the end.

    Concurrency: for one event loop.
    """

    def __init__(self, logins: LoginService, clock: Clock) -> None:
        self._logins = logins
        self._clock = clock
        self._held: OrderedDict[Credential, _Held] = OrderedDict()
        self._timer: asyncio.TimerHandle | None = None

    async def login(self, credential: Credential) -> Login | None:
        """The login of a request; None if it is not valid.

        Raises:
            LoginNotChecked: it cannot be found out now.
        """
        held = self._held.get(credential)
        if held is None or held.login.has_ended:
            standing = await self._logins.standing(credential)
            self._release(credential)  # an ended login, or that of a request beside this one
            if standing is None:
                return None
            if not standing.may_see_market_data:
                return Login(standing)
            following = contextlib.ExitStack()
            login = following.enter_context(self._logins.connection(standing))
            held = self._held[credential] = _Held(login, following, 0.0)
        held.used_at = self._clock.monotonic()
        self._held.move_to_end(credential)
        self._release_unused(held.used_at)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(HOLD_SECONDS, self._on_timer)
        return held.login

    async def login_now(self, credential: Credential) -> Login | None:
        """The login of a request that changes something: the database is asked each time.

        Raises:
            LoginNotChecked: it cannot be found out now.
        """
        if await self.login(credential) is None:  # holding it notes the use of a token
            return None
        standing = await self._logins.standing(credential)
        return None if standing is None else Login(standing)

    def _on_timer(self) -> None:
        """Release what is unused also when nobody asks any more: a held token counts as used."""
        self._timer = None
        self._release_unused(self._clock.monotonic())
        if self._held:
            self._timer = asyncio.get_running_loop().call_later(HOLD_SECONDS, self._on_timer)

    def _release_unused(self, now: float) -> None:
        while self._held:
            credential, oldest = next(iter(self._held.items()))
            if len(self._held) <= MOST_HELD and oldest.used_at > now - HOLD_SECONDS:
                return
            self._release(credential)

    def _release(self, credential: Credential) -> None:
        if (held := self._held.pop(credential, None)) is not None:
            held.release()
