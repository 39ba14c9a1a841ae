"""Users who are logged in, by session or by token, and what follows their logins."""

from typing import Any

from asgiref.sync import sync_to_async
from django.contrib.auth import get_user_model
from django.contrib.sessions.models import Session
from django.test import Client

from mdp_site.accounts.models import ApiToken, User, token_digest
from mdp_site.accounts.standings import Credential, Standing, Way, read_standings
from widgets.viewer import LoginEnd

BACKEND = "django.contrib.auth.backends.ModelBackend"


class RecordingFollower:
    """A connection that only notes what it is told."""

    def __init__(self) -> None:
        self.ends: list[LoginEnd] = []
        self.permissions: list[frozenset[str]] = []

    def on_login_ended(self, end: LoginEnd) -> None:
        """Note the end."""
        self.ends.append(end)

    def on_permissions_changed(self, permissions: frozenset[str]) -> None:
        """Note the permissions."""
        self.permissions.append(permissions)


def session_of(user: Any) -> Credential:
    """A new session of the user."""
    client = Client()
    client.force_login(user, backend=BACKEND)
    return Credential(Way.SESSION, str(client.session.session_key))


def token_of(user: Any, **options: Any) -> Credential:
    """A new API token of the user."""
    return Credential(Way.TOKEN, ApiToken.objects.issue(user, name="ticker", **options)[0].digest)


def token_by(credential: Credential) -> ApiToken:
    """The token of a credential."""
    return ApiToken.objects.get(digest=credential.key)


def end_session(credential: Credential) -> None:
    """Delete a session, without a signal or notice."""
    Session.objects.filter(session_key=credential.key).delete()


def standing_of(credential: Credential) -> Standing | None:
    """The standing of one login."""
    return read_standings([credential]).get(credential)


def standing_of_secret(raw: str) -> Standing | None:
    """The standing of the token with this secret."""
    return standing_of(Credential(Way.TOKEN, token_digest(raw)))


def make_user(name: str, **options: Any) -> User:
    """A user who can log in."""
    user: User = get_user_model().objects.create_user(name, **options)
    return user


make_user_async = sync_to_async(make_user)
