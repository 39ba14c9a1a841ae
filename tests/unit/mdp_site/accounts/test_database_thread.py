"""A broken connection is replaced at once, and a database that is away is not asked twice."""

import pytest
from django.db import OperationalError

from mdp_site.accounts import database_thread
from mdp_site.accounts.database_thread import DatabaseThread


class _Connection:
    """Django's connection of a thread: `connection` is the driver's, None if there is none."""

    def __init__(self, driver: object | None) -> None:
        self.connection = driver

    def close(self) -> None:
        """The connection of the driver is gone."""
        self.connection = None


@pytest.mark.parametrize(("was_connected", "attempts"), [(True, 2), (False, 1)])
async def test_work_is_repeated_only_if_an_old_connection_broke(
    monkeypatch: pytest.MonkeyPatch, was_connected: bool, attempts: int
) -> None:
    made = _Connection(object() if was_connected else None)
    monkeypatch.setattr(database_thread, "connection", made)
    done: list[int] = []

    def away() -> None:
        done.append(1)
        raise OperationalError("away")

    thread = DatabaseThread("test")
    with pytest.raises(OperationalError):
        await thread.run(away)
    await thread.close()
    assert len(done) == attempts
