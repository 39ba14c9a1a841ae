"""Actions on what users are logged in with."""

from typing import Any, Final

from marketdata.control.views import Overview
from mdp_site.accounts.endings import end_sessions, revoke_tokens, sessions_of, usable_tokens_of
from mdp_site.control_plane.actions.declared import Action, ByDatabase
from mdp_site.control_plane.actions.in_words import counted
from mdp_site.control_plane.actions.of_clients import OfUser, user_of
from mdp_site.control_plane.actors import Actor
from mdp_site.control_plane.audit import ACCOUNTS


def _impact_of_revoking(arguments: OfUser, _overview: Overview) -> str:
    user = user_of(arguments)
    tokens = counted(usable_tokens_of(user).count(), "token")
    return f"Revokes {tokens} of {user.get_username()} (id {user.pk}), and ends their connections."


def _revoke(arguments: OfUser, actor: Actor) -> str:
    user = user_of(arguments)
    revoked = revoke_tokens(user, by=actor.user_id)
    return f"revoked {counted(revoked, 'token')} of {user.get_username()}"


def _impact_of_ending(arguments: OfUser, _overview: Overview) -> str:
    user = user_of(arguments)
    sessions = sessions_of(user).count()
    return (
        f"Ends {counted(sessions, 'session')} of {user.get_username()} (id {user.pk}), and their connections."
    )


def _end(arguments: OfUser, actor: Actor) -> str:
    user = user_of(arguments)
    ended = end_sessions(user, by=actor.user_id)
    return f"ended {counted(ended, 'session')} of {user.get_username()}"


def _accounts(_arguments: Any) -> str:
    return ACCOUNTS


ACTIONS: Final = (
    Action(
        name="revoke_tokens",
        label="Revoke tokens",
        explanation="Revoke all API tokens of a user. Programs that use them are disconnected.",
        arguments=OfUser,
        service=_accounts,
        impact=_impact_of_revoking,
        work=ByDatabase(_revoke),
    ),
    Action(
        name="end_sessions",
        label="End sessions",
        explanation="End all login sessions of a user. The user may log in again.",
        arguments=OfUser,
        service=_accounts,
        impact=_impact_of_ending,
        work=ByDatabase(_end),
    ),
)
