"""`python -m tests.bench.accounts COUNT PATH`: make users, each with a session and an API token.

These go to a new file: one line of JSON for each user, `["session key", "token"]`. The database is that of
the environment.
"""

import os
import sys
from pathlib import Path

import django
import msgspec


def main(count: int, path: Path) -> None:
    """Make the users in one transaction, with Django's own login."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mdp_site.settings")
    django.setup()
    from django.contrib.auth import get_user_model  # noqa: PLC0415 - models are loaded by `setup`
    from django.db import transaction  # noqa: PLC0415
    from django.test import Client  # noqa: PLC0415

    from mdp_site.accounts.models import ApiToken  # noqa: PLC0415

    path.touch(mode=0o600)
    with path.open("wb") as file, transaction.atomic():
        for number in range(count):
            user = get_user_model().objects.create_user(f"load{number}")
            browser = Client()
            browser.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
            _token, raw = ApiToken.objects.issue(user, name="load", expires_at=None)
            file.write(msgspec.json.encode([browser.session.session_key, raw]) + b"\n")


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
