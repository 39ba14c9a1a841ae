"""A database of an earlier release is refused with a sentence that says what to do."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from mdp_site.accounts.checks import EARLIER_USERS, check_layout_of_users

ROOT = Path(__file__).resolve().parents[4]


@pytest.mark.django_db
def test_a_database_of_this_release_is_accepted() -> None:
    assert check_layout_of_users(None, ["default"]) == []


def test_a_migration_of_an_earlier_database_says_what_is_wrong_and_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "site.sqlite3"
    with sqlite3.connect(path) as earlier:
        earlier.execute(f"CREATE TABLE {EARLIER_USERS} (id integer)")
    environment = os.environ | {"STATE_DIR": str(tmp_path), "DATABASE_URL": f"sqlite:///{path}"}
    migration = subprocess.run(
        [sys.executable, "manage.py", "migrate"],
        env=environment, cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert migration.returncode == 1
    assert f"{path} has the users of an earlier release" in migration.stderr
    assert "Accepted: an empty database" in migration.stderr
    with sqlite3.connect(path) as earlier:
        assert earlier.execute("SELECT name FROM sqlite_master").fetchall() == [(EARLIER_USERS,)]
