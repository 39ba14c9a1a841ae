"""The list of login sessions, and the notices that close WebSockets when a login changes."""

from collections.abc import Callable, Collection
from importlib import import_module
from typing import Any, Final

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.contrib.sessions.backends.db import SessionStore
from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from mdp_site.accounts.models import ApiToken, User
from mdp_site.accounts.notices import announce_change

LISTED_KEY: Final = "listed_as"
"""The item of a session that holds the key under which the session is in the list."""


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


@receiver(user_logged_in)
def _on_login(request: HttpRequest, **_: Any) -> None:
    # Resets the short expiry that the session had during the login at the provider.
    request.session.set_expiry(None)


@receiver(user_logged_out)
def _on_logout(request: HttpRequest | None, user: User | None, **_: Any) -> None:
    """End the session before the notice is sent: Django ends it only after this signal."""
    if request is None or user is None or not request.session.session_key:
        return
    key = request.session.session_key
    if not UserSession.objects.filter(session_key=key).delete()[0]:
        _store().delete(key)
        announce_change(user.pk)


@receiver(post_delete, sender=UserSession)
def _on_session_removed(instance: UserSession, **_: Any) -> None:
    """End a session when its row is deleted: by the user, by an operator in the admin, or by a job."""
    _store().delete(instance.session_key)
    announce_change(instance.user_id)


def _store() -> SessionStore:
    store: SessionStore = import_module(settings.SESSION_ENGINE).SessionStore()
    return store


@receiver(post_save, sender=User)
def _on_user_changed(
    instance: User, *, created: bool, update_fields: Collection[str] | None = None, **_: Any
) -> None:
    # A login stores its time in the user. That changes nothing for open connections.
    if not created and set(update_fields or ()) != {"last_login"}:
        announce_change(instance.pk)


@receiver(post_delete, sender=User)
def _on_user_deleted(instance: User, **_: Any) -> None:
    announce_change(instance.pk)


@receiver(post_save, sender=ApiToken)
def _on_token_changed(instance: ApiToken, *, created: bool, **_: Any) -> None:
    if not created:
        announce_change(instance.user_id)


@receiver(post_delete, sender=ApiToken)
def _on_token_deleted(instance: ApiToken, **_: Any) -> None:
    announce_change(instance.user_id)
