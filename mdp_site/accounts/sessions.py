"""The list of login sessions. When a session ends, its open WebSockets are closed."""

from collections.abc import Callable
from importlib import import_module
from typing import Any, Final

from allauth.usersessions.models import UserSession
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.conf import settings
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.db import transaction
from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from marketdata.observability.logs import get_logger
from mdp_site.accounts.logins import end_notice, group_of
from mdp_site.accounts.models import ApiToken, User

LISTED_KEY: Final = "listed_as"
"""The item of a session that holds the key under which the session is in the list."""

_log = get_logger(__name__)


def list_session(request: HttpRequest) -> None:
    """Add the session of this request to the list in which users and operators end sessions.

    A session that gets a new key is added again.
    """
    key = request.session.session_key
    if key is None or request.session.get(LISTED_KEY) == key:
        return
    UserSession.objects.create_from_request(request)
    request.session[LISTED_KEY] = request.session.session_key


def ListedSessionsMiddleware(  # noqa: N802 - settings name a middleware as if it were a class
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Add every session of a user to the list of sessions.

    A session begins with a login through the provider, with a password at the admin, or with a new key after
    a change of password.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        # A request that did not use the session did not log in either.
        if request.session.accessed and request.user.is_authenticated:
            list_session(request)
        return response

    return middleware


def announce_session_ended(
    user_id: int, *, session_key: str | None = None, token_id: int | None = None
) -> None:
    """Notify all web processes, after the transaction, that connections of the user must be closed."""
    notice = end_notice(session_key, token_id)
    transaction.on_commit(lambda: _send(group_of(user_id), notice))


def _send(group: str, notice: dict[str, Any]) -> None:
    layer = get_channel_layer()
    try:
        async_to_sync(layer.group_send)(group, notice)
    except Exception as error:  # noqa: BLE001 - a logout must succeed whatever the layer's driver raises
        _log.error(
            "could not announce an ended session", group=group, error=f"{type(error).__name__}: {error}"
        )


@receiver(user_logged_in)
def _on_login(request: HttpRequest, **_: Any) -> None:
    # Resets the short expiry that the session had during the login at the provider.
    request.session.set_expiry(None)


@receiver(user_logged_out)
def _on_logout(request: HttpRequest | None, user: User | None, **_: Any) -> None:
    if request is None or user is None or not request.session.session_key:
        return
    key = request.session.session_key
    if not UserSession.objects.filter(session_key=key).delete()[0]:
        announce_session_ended(user.pk, session_key=key)


@receiver(post_delete, sender=UserSession)
def _on_session_removed(instance: UserSession, **_: Any) -> None:
    """End a session when its row is deleted: by the user, by an operator in the admin, or by a job."""
    import_module(settings.SESSION_ENGINE).SessionStore().delete(instance.session_key)
    announce_session_ended(instance.user_id, session_key=instance.session_key)


@receiver(post_save, sender=User)
def _on_deactivation(instance: User, *, created: bool, **_: Any) -> None:
    if not created and not instance.is_active:
        announce_session_ended(instance.pk)


@receiver(post_delete, sender=User)
def _on_user_deleted(instance: User, **_: Any) -> None:
    announce_session_ended(instance.pk)


@receiver(post_save, sender=ApiToken)
def _on_revocation(instance: ApiToken, **_: Any) -> None:
    if instance.revoked_at is not None:
        announce_session_ended(instance.user_id, token_id=instance.pk)


@receiver(post_delete, sender=ApiToken)
def _on_token_deleted(instance: ApiToken, **_: Any) -> None:
    announce_session_ended(instance.user_id, token_id=instance.pk)
