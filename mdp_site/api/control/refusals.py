"""Refused attempts in the audit: of each user and reason one entry a minute, with the number of the others.

A program that asks 10,000 times a minute must not fill the audit.
"""

import asyncio
import contextvars
from typing import Final

from asgiref.sync import sync_to_async
from channels.db import database_sync_to_async
from django.db import DatabaseError, InterfaceError

from marketdata.observability.logs import RateLimitedLog, get_logger
from mdp_site.control_plane.actors import Actor
from mdp_site.control_plane.audit import note

MINUTE_SECONDS: Final = 60.0

_log = RateLimitedLog(get_logger(__name__))


class _Counted:
    """Attempts that were refused since the newest entry."""

    def __init__(self, actor: Actor, action: str, result: str) -> None:
        self.actor = actor
        self.action = action
        self.result = result
        self.further = 0


class RefusalBook:
    """Counts refused attempts, and writes them.

    Concurrency: for one event loop.
    """

    def __init__(self, minute_seconds: float = MINUTE_SECONDS) -> None:
        self._minute_seconds = minute_seconds
        self._counted: dict[tuple[int | None, str], _Counted] = {}
        self._writing: set[asyncio.Task[None]] = set()

    async def enter(self, actor: Actor, *, reason: str, action: str, detail: str) -> None:
        """Note an attempt. `reason` is the code of its problem, `action` the operation."""
        key = (actor.user_id, reason)
        if (counted := self._counted.get(key)) is not None:
            counted.further += 1
            return
        counted = self._counted[key] = _Counted(actor, action, f"refused: {detail}")
        self._wait(key)
        try:
            await sync_to_async(_write)(counted)
        except (DatabaseError, InterfaceError) as error:
            _log.warning("refusal not in the audit", reason=type(error).__name__)

    def _wait(self, key: tuple[int | None, str]) -> None:
        # Not in the context of the request: asgiref would write in the thread of a request that has ended.
        asyncio.get_running_loop().call_later(
            self._minute_seconds, self._on_minute, key, context=contextvars.Context()
        )

    def _on_minute(self, key: tuple[int | None, str]) -> None:
        if not self._counted[key].further:
            del self._counted[key]
            return
        task = asyncio.create_task(self._write_further(self._counted[key]), name="refusals")
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)
        self._wait(key)

    async def _write_further(self, counted: _Counted) -> None:
        further, counted.further = counted.further, 0
        try:
            await database_sync_to_async(_write)(counted, further)
        except (DatabaseError, InterfaceError) as error:
            counted.further += further  # the next entry has them
            _log.warning("refusals not in the audit", reason=type(error).__name__)


def _write(counted: _Counted, further: int = 0) -> None:
    more = f" ({further:,} further attempts)" if further else ""
    note(counted.actor, service="api", action=counted.action, result=counted.result + more)
