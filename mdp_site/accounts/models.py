"""Users, and the API tokens of their programs."""

import hashlib
import secrets
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Final

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models import Q
from django.utils import timezone

from mdp_site.accounts.scopes import (
    ALL_MARKET_SCOPES,
    MARKET_SCOPES,
    MAX_SCOPES_LENGTH,
    SCOPES,
    scopes_in,
    scopes_text,
)

TOKEN_SCHEME: Final = "mdp_"  # noqa: S105 - the prefix of all secrets, not a secret
TOKEN_BYTES: Final = 32
SHOWN_PREFIX_LENGTH: Final = 12
MAX_TOKEN_LENGTH: Final = 128


class User(AbstractUser):
    """A person who logged in through the provider, or a member of staff with a local password.

    It has no fields of its own yet. It is a model of this project from the first migration on, because
    replacing Django's user model later is difficult.
    """


def token_digest(raw: str) -> str:
    """SHA-256 of a secret, in hexadecimal. A secret of 256 random bits needs no salt and no slow hash."""
    return hashlib.sha256(raw.encode()).hexdigest()


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    """Queries for API tokens."""

    def usable(self, now: datetime) -> "ApiTokenQuerySet":
        """Tokens of active users that are neither revoked nor expired."""
        unexpired = Q(expires_at__isnull=True) | Q(expires_at__gt=now)
        return self.filter(unexpired, revoked_at__isnull=True, user__is_active=True)


class ApiTokenManager(models.Manager["ApiToken"]):
    """Creates tokens. The secret of a token is never stored, only its digest."""

    def get_queryset(self) -> ApiTokenQuerySet:
        """All tokens."""
        return ApiTokenQuerySet(self.model, using=self._db)

    def issue(
        self,
        user: User,
        *,
        name: str,
        expires_at: datetime | None = None,
        scopes: Iterable[str] = MARKET_SCOPES,
    ) -> tuple["ApiToken", str]:
        """Create a token. Returns it and its secret, which cannot be recovered later.

        Raises:
            ValueError: there is no scope, or an unknown one.
        """
        raw = TOKEN_SCHEME + secrets.token_urlsafe(TOKEN_BYTES)
        token = self.create(
            user=user,
            name=name,
            prefix=raw[:SHOWN_PREFIX_LENGTH],
            digest=token_digest(raw),
            expires_at=expires_at,
            scopes=scopes_text(scopes),
        )
        return token, raw


class ApiToken(models.Model):
    """A token that a program sends as `Authorization: Bearer <token>`.

    It may do what both its scopes and the roles of its user permit.
    """

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=100, help_text="What uses it, for people to recognise.")
    prefix = models.CharField(max_length=SHOWN_PREFIX_LENGTH, editable=False)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True, help_text="Empty: it does not expire.")
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    scopes = models.CharField(max_length=MAX_SCOPES_LENGTH, default=ALL_MARKET_SCOPES, editable=False)

    objects = ApiTokenManager()

    class Meta:
        """Newest first."""

        ordering = ("-created_at",)
        verbose_name = "API token"

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    def usable(self, now: datetime) -> bool:
        """Whether the token is neither revoked nor expired. Does not check the user."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > now)

    def revoke(self) -> None:
        """End the token for ever. Side effect: a signal that closes the token's open connections."""
        if self.revoked_at is None:
            self.revoked_at = timezone.now()
            self.save(update_fields=["revoked_at"])

    @property
    def scope_labels(self) -> list[str]:
        """The scopes as people read them."""
        return [str(SCOPES[scope]) for scope in scopes_in(self.scopes)]


def digest_of_secret(raw: str) -> str | None:
    """The digest by which a token is found; None if the text cannot be the secret of a token."""
    if not raw.startswith(TOKEN_SCHEME) or len(raw) > MAX_TOKEN_LENGTH:
        return None
    return token_digest(raw)


def note_use(token_ids: Collection[int], now: datetime) -> None:
    """Store that these tokens are used now, in one query."""
    ApiToken.objects.filter(pk__in=token_ids).update(last_used_at=now)
