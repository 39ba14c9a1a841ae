"""`manage.py create_api_token USER`: create an API token for a program."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.urls import reverse
from django.utils import timezone

from mdp_site.accounts.account_changes import report_token
from mdp_site.accounts.journal import TOKEN_MADE
from mdp_site.accounts.models import ApiToken
from mdp_site.accounts.roles import permissions_of
from mdp_site.accounts.scopes import MARKET_SCOPES, SCOPES, offered_scopes


class Command(BaseCommand):
    help = "Create an API token for a user and print it. It is shown this once and cannot be recovered."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user", help="name of a user who has logged in at least once")
        parser.add_argument(
            "--name", default="command line", help="what uses the token (default: %(default)s)"
        )
        parser.add_argument(
            "--scope",
            dest="scopes",
            action="append",
            choices=sorted(SCOPES),
            help="what it may do; repeat it for several (default: read all market data)",
        )
        parser.add_argument(
            "--expires-in-days", type=int, help="lifetime of the token (default: it does not expire)"
        )

    def handle(
        self,
        *_args: Any,
        user: str,
        name: str,
        scopes: list[str] | None,
        expires_in_days: int | None,
        **_options: Any,
    ) -> None:
        if expires_in_days is not None and not 1 <= expires_in_days <= 3650:
            raise CommandError(f"--expires-in-days={expires_in_days} is not valid; accepted: 1 to 3650")
        owner = get_user_model().objects.filter(username=user).first()
        if owner is None:
            raise CommandError(_unknown_user(user))
        if not owner.is_active:
            raise CommandError(
                f"the account of {user!r} is switched off; an operator can switch it on in the admin"
            )
        beyond = set(scopes or ()) - set(offered := offered_scopes(permissions_of(owner)))
        if beyond:
            raise CommandError(
                f"no role of {user!r} permits {', '.join(sorted(beyond))}; accepted: {', '.join(offered)}"
            )
        expires_at = None if expires_in_days is None else timezone.now() + timedelta(days=expires_in_days)
        # No log entry: logs go to the standard output, where scripts expect the secret and nothing else.
        token, raw = ApiToken.objects.issue(
            owner, name=name, expires_at=expires_at, scopes=scopes or MARKET_SCOPES
        )
        report_token(TOKEN_MADE, token)
        self.stdout.write(raw)


def _unknown_user(user: str) -> str:
    """The error for a user who does not exist: users are created at their first login."""
    site = settings.SITE_URL.rstrip("/")
    return (
        f"no user {user!r} has logged in yet; accepted: the name of a user who has logged in. "
        f"Log in once at {site}/, then repeat this command, or make a token at {site}{reverse('api_tokens')}"
    )
