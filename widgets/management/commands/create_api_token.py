"""`manage.py create_api_token USER`: a program's way in."""

from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from widgets.models import ApiToken


class Command(BaseCommand):
    help = "Create an API token for a user and print it. It is shown this once and cannot be recovered."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user", help="user name of an active user")
        parser.add_argument(
            "--name", default="command line", help="what uses the token (default: %(default)s)"
        )
        parser.add_argument(
            "--expires-in-days", type=int, help="life of the token; without it, it does not expire"
        )

    def handle(self, *_args: Any, user: str, name: str, expires_in_days: int | None, **_options: Any) -> None:
        if expires_in_days is not None and not 1 <= expires_in_days <= 3650:
            raise CommandError(f"--expires-in-days={expires_in_days} is not valid; accepted: 1 to 3650")
        owner = get_user_model().objects.filter(username=user, is_active=True).first()
        if owner is None:
            raise CommandError(f"no active user is called {user!r}")
        expires_at = None if expires_in_days is None else timezone.now() + timedelta(days=expires_in_days)
        _, raw = ApiToken.objects.issue(owner, name=name, expires_at=expires_at)
        self.stdout.write(raw)
