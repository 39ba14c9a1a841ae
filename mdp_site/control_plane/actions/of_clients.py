"""Actions on the clients of the web processes."""

from typing import Annotated, Any, Final

from marketdata.control.arguments import Arguments
from marketdata.control.given import InvalidSettings
from marketdata.control.views import Overview
from marketdata.errors import ConfigurationError
from marketdata.runtime.settings import setting
from mdp_site.accounts.endings import end_sessions, find_user, revoke_tokens, sessions_of, usable_tokens_of
from mdp_site.accounts.models import User
from mdp_site.control_plane.actions.declared import Action, ByProcesses
from mdp_site.control_plane.actions.in_words import connections, counted
from mdp_site.control_plane.actors import Actor
from mdp_site.web_settings import WEB
from widgets.hub.feeds import UnknownFeedError, feed_catalog

RESYNC_CLIENTS: Final = "resync_clients"
DISCONNECT_USER: Final = "disconnect_user"
MAX_FEED_CHARACTERS: Final = 100
MAX_USER_CHARACTERS: Final = 150


class OfUser(Arguments, frozen=True, kw_only=True):
    """A user."""

    user: Annotated[
        str,
        setting("The name of the user, or the id.", variable=None, longest_characters=MAX_USER_CHARACTERS),
    ]


class OfDisconnect(OfUser, frozen=True, kw_only=True):
    """A user, and whether only the connections end."""

    ends_logins: Annotated[
        bool,
        setting(
            "Also end the sessions and revoke the tokens of the user. Otherwise the clients connect again.",
            variable=None,
        ),
    ] = False


class OfResync(Arguments, frozen=True, kw_only=True):
    """One feed, or all."""

    feed: Annotated[
        str,
        setting(
            "The name of the feed. Empty: all feeds.", variable=None, longest_characters=MAX_FEED_CHARACTERS
        ),
    ] = ""


def user_of(arguments: OfUser) -> User:
    """The user of the arguments. Queries the database.

    Raises:
        InvalidSettings: there is no such user.
    """
    try:
        return find_user(arguments.user)
    except ConfigurationError as error:
        raise InvalidSettings({"user": str(error)}) from error


def logins_in_words(user: User) -> str:
    """How many sessions and usable tokens the user has. Queries the database."""
    sessions, tokens = sessions_of(user).count(), usable_tokens_of(user).count()
    return f"{counted(sessions, 'session')} and {counted(tokens, 'token')}"


def _impact_of_resync(arguments: OfResync, overview: Overview) -> str:
    if arguments.feed:
        try:
            feed_catalog().feed(arguments.feed)
        except UnknownFeedError as error:
            raise InvalidSettings({"feed": f"feed is {arguments.feed!r}: {error}"}) from error
        return f"Sends a snapshot to each connection that has {arguments.feed}, of {connections(overview)}."
    clients = overview.clients
    snapshots = (
        "an unknown number of snapshots" if clients is None else counted(clients.subscriptions, "snapshot")
    )
    return f"Sends {snapshots} to {connections(overview)}, spread over the next seconds."


def _impact_of_disconnect(arguments: OfDisconnect, overview: Overview) -> str:
    user = user_of(arguments)
    ended = f"Ends {_connections_of(user.pk, overview)} of {user.get_username()} (id {user.pk}). "
    if arguments.ends_logins:
        return f"{ended}Ends {logins_in_words(user)}: the clients must log in again."
    return f"{ended}The clients connect again."


def _connections_of(user_id: int, overview: Overview) -> str:
    """How many connections a user has: known of those with the most, and of all if everybody is listed."""
    clients = overview.clients
    if clients is None:
        return "an unknown number of connections"
    number = sum(each.connections for each in clients.users if each.user_id == user_id)
    if not number and sum(each.connections for each in clients.users) < clients.connections:
        return "the connections, fewer than the listed users have,"
    return counted(number, "connection")


def _end_logins(arguments: OfDisconnect, actor: Actor) -> None:
    if arguments.ends_logins:
        user = user_of(arguments)
        end_sessions(user, by=actor.user_id)
        revoke_tokens(user, by=actor.user_id)


def _web(_arguments: Any) -> str:
    return WEB


ACTIONS: Final = (
    Action(
        name=RESYNC_CLIENTS,
        label="Resync clients",
        explanation="Send the rows of a feed, or of all feeds, to all their clients once more.",
        arguments=OfResync,
        service=_web,
        impact=_impact_of_resync,
        work=ByProcesses(),
    ),
    Action(
        name=DISCONNECT_USER,
        label="Disconnect a user",
        explanation="End all connections of a user, on every web process.",
        arguments=OfDisconnect,
        service=_web,
        impact=_impact_of_disconnect,
        work=ByProcesses(before=_end_logins),
    ),
)
