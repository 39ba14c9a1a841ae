"""Applies the settings that operators want to a running web process."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

from django.conf import settings

from marketdata.clock import SystemClock
from marketdata.runtime.cancellation import end
from marketdata.runtime.identity import process_identity
from marketdata.runtime.live_settings import LiveSettings
from marketdata.runtime.settings import own_settings
from marketdata.runtime.steering import Steering
from marketdata.store.connection import connect
from marketdata.store.keys import Keys
from marketdata.store.service_records import InstanceRecords
from mdp_site.web_settings import WEB, WebSettings

Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Lifespan: TypeAlias = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]


def steered(lifespan: Lifespan) -> Lifespan:
    """An ASGI lifespan that also follows the wanted settings, from its start to its end."""

    async def serve(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        own, source = own_settings(WebSettings, settings.DECLARED_SETTINGS), process_identity()
        live = LiveSettings(own, source=source, clock=SystemClock())
        async with contextlib.aclosing(connect(settings.MDC_URL)) as redis:
            records = InstanceRecords(redis, Keys(settings.MDC_KEY_PREFIX), WEB, source)
            steering = Steering(records, live, default=own)
            following = asyncio.create_task(steering.run(), name="settings")
            try:
                await lifespan(scope, receive, send)
            finally:
                await end(following)
                await steering.withdraw()

    return serve
