"""What a web process does once when operators ask for it (`marketdata.runtime.instructions`)."""

from collections.abc import Mapping
from typing import Any

from channels.db import database_sync_to_async

from marketdata.control.arguments import checked_arguments
from marketdata.runtime.instructions import Handler
from mdp_site.accounts.endings import find_user
from mdp_site.accounts.login_service import LoginService
from mdp_site.control_plane.actions.in_words import counted
from mdp_site.control_plane.actions.of_clients import (
    DISCONNECT_USER,
    RESYNC_CLIENTS,
    OfDisconnect,
    OfResync,
)
from widgets.hub import Hub
from widgets.viewer import LoginEnd


def web_handlers(hub: Hub, logins: LoginService) -> Mapping[str, Handler]:
    """The handlers of a process with this hub and these logins, by the name of the action."""

    async def resync_clients(values: Mapping[str, Any]) -> str:
        wish = checked_arguments(OfResync, values)
        done = await hub.resync(wish.feed)
        return f"sent {counted(done.snapshots, 'snapshot')} to {counted(done.connections, 'connection')}"

    async def disconnect_user(values: Mapping[str, Any]) -> str:
        wish = checked_arguments(OfDisconnect, values)
        user = await database_sync_to_async(find_user)(wish.user)
        reason = LoginEnd.LOGGED_OUT if wish.ends_logins else LoginEnd.DISCONNECTED
        return f"ended {counted(await logins.disconnect(user.pk, reason), 'connection')}"

    return {RESYNC_CLIENTS: resync_clients, DISCONNECT_USER: disconnect_user}
