"""The settings of a running web process, their steering by operators, and the delivery of revisions."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from types import MappingProxyType
from typing import Any, Final, TypeAlias

import msgspec
from django.conf import settings

from marketdata.clock import SystemClock
from marketdata.management.process_reports import reporting_by_settings
from marketdata.runtime.cancellation import end
from marketdata.runtime.identity import process_identity
from marketdata.runtime.instructions import Carrier, Handler
from marketdata.runtime.live_settings import LiveSettings
from marketdata.runtime.report import ServiceStatus
from marketdata.runtime.settings import own_settings
from marketdata.runtime.steering import Steering
from marketdata.store.connection import connect
from marketdata.store.instruction_records import InstructionRecords
from marketdata.store.keys import Keys
from marketdata.store.service_records import InstanceRecords
from mdp_site.accounts.journal import refused_logins
from mdp_site.control_plane.connected import delivery
from mdp_site.control_plane.due import Due
from mdp_site.web_settings import WEB, WebSettings
from widgets.consumers import check_limits
from widgets.hub import Hub

SHUTDOWN_COMPLETE: Final = "lifespan.shutdown.complete"

Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Lifespan: TypeAlias = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]


def live_web_settings() -> LiveSettings[WebSettings]:
    """The settings of this process: the environment's, until `steered` applies what operators want.

    Raises:
        ConfigurationError: limits of the environment do not go together.
    """
    own = own_settings(WebSettings, settings.DECLARED_SETTINGS)
    check_limits(own)
    return LiveSettings(own, source=process_identity(), clock=SystemClock(), check=check_limits)


def steered(
    lifespan: Lifespan,
    live: LiveSettings[WebSettings],
    hub: Hub,
    due: Due,
    handlers: Mapping[str, Handler] = MappingProxyType({}),
) -> Lifespan:
    """An ASGI lifespan that also follows the wanted settings, and reports, from its start to its end.

    Meanwhile it carries out instructions of operators with `handlers`, by the name of the action.

    Each web process also delivers the revisions of all services (`mdp_site.control_plane.delivery`); `due`
    lets it do so at once.
    The server ends the event loop as soon as the lifespan is complete. So its completion is sent last, after
    the end of everything that runs beside it.
    """

    async def serve(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        completion: list[MutableMapping[str, Any]] = []

        async def send_completion_last(message: MutableMapping[str, Any]) -> None:
            if message["type"] == SHUTDOWN_COMPLETE:
                completion.append(message)
            else:
                await send(message)

        async with contextlib.aclosing(connect(settings.MDC_URL)) as redis, delivery() as revisions:
            keys = Keys(settings.MDC_KEY_PREFIX)
            records = InstanceRecords(redis, keys, WEB, live.source)
            carrier = Carrier(InstructionRecords(redis, keys, WEB), handlers, source=live.source)
            steering = Steering(records, live, default=live.current)
            reporting = reporting_by_settings(WEB, WEB)

            def status() -> ServiceStatus:
                return msgspec.structs.replace(
                    hub.status(), settings=steering.status, refused_logins=refused_logins()
                )

            following = asyncio.create_task(steering.run(), name="settings")
            carrying = asyncio.create_task(carrier.run(), name="instructions")
            delivering = asyncio.create_task(revisions.run(due), name="revisions")
            try:
                async with reporting.of(status, hub.unready):
                    await lifespan(scope, receive, send_completion_last)
            finally:
                await end(following, carrying, delivering)
                await steering.withdraw()
        for message in completion:
            await send(message)

    return serve
