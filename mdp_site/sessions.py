"""When a login ends, its open WebSockets end too.

Each WebSocket joins the channel layer's group `user.{id}`. What is sent there:
`{"type": "session.ended", "session_key": ... | None, "token_id": ... | None}`. With both None, every
connection of the user is meant; otherwise the ones that came in by that session or that token.
"""

from importlib import import_module
from typing import Any

from allauth.usersessions.models import UserSession
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.conf import settings
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.db import transaction
from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver
from django.http import HttpRequest

from marketdata.observability.logs import get_logger
from mdp_site.models import User
from widgets.models import ApiToken

_log = get_logger(__name__)


def announce_session_ended(
    user_id: int, *, session_key: str | None = None, token_id: int | None = None
) -> None:
    """Tell every web process, once the change is committed, that connections of the user must close."""
    message = {"type": "session.ended", "session_key": session_key, "token_id": token_id}
    transaction.on_commit(lambda: _send(f"user.{user_id}", message))


def _send(group: str, message: dict[str, Any]) -> None:
    layer = get_channel_layer()
    try:
        async_to_sync(layer.group_send)(group, message)
    except Exception as error:  # noqa: BLE001 - a logout must succeed whatever the layer's driver raises
        _log.error(
            "could not announce an ended session", group=group, error=f"{type(error).__name__}: {error}"
        )


@receiver(user_logged_in)
def _on_login(request: HttpRequest, **_: Any) -> None:
    # On the way to the provider the session lived for minutes only.
    request.session.set_expiry(None)


@receiver(user_logged_out)
def _on_logout(request: HttpRequest | None, user: User | None, **_: Any) -> None:
    if request is None or user is None or not request.session.session_key:
        return
    key = request.session.session_key
    if not UserSession.objects.filter(session_key=key).delete()[0]:
        announce_session_ended(user.pk, session_key=key)


@receiver(post_delete, sender=UserSession)
def _on_session_struck_off(instance: UserSession, **_: Any) -> None:
    """A session ends with its row, whoever deletes that: the person, an operator in the admin, a job."""
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
