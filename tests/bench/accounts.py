"""`python -m tests.bench.accounts COUNT PATH`: make users, each with a session and an API token.

These go to a new file: one line of JSON for each user, `["session key", "token"]`. The database is that of
the environment.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import django
import msgspec

from mdp_site.dev.demo.plan import ROOT
from tests.bench.load_client import Login


def make_logins(count: int, environment: Mapping[str, str]) -> list[Login]:
    """Users with a session and a token each, in the database of the environment."""
    with tempfile.TemporaryDirectory(prefix="mdp-logins-") as folder:
        path = Path(folder) / "logins"
        command = [sys.executable, "-m", "tests.bench.accounts", str(count), str(path)]
        done = subprocess.run(command, env=dict(environment), cwd=ROOT, stdout=subprocess.PIPE, check=False)
        if done.returncode:
            raise AssertionError(f"no logins were made:\n{done.stdout.decode()}")
        return [Login(*msgspec.json.decode(line)) for line in path.read_bytes().splitlines()]


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
