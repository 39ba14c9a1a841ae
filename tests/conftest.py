"""Real services for the whole suite, started once, on private ports."""

import contextlib
import gc
import os
import secrets
import tempfile
from collections.abc import Iterator

import hypothesis
import pytest
from django.conf import settings
from django.db import connection
from pytest_django import DjangoDbBlocker

from tests.support.deadlines import scaled
from tests.support.services import RabbitMQServer, ServiceMissingError, ValkeyServer

# How long an example takes depends on what else the machine does; `timeout` bounds the test as a whole.
hypothesis.settings.register_profile("mdp", deadline=None)
hypothesis.settings.load_profile("mdp")

# The site's own hasher takes a quarter of a second for each password, by design.
settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

# A file, as in a real site: threads of one process use the database side by side. A database of SQLite in
# memory locks whole tables between its connections, and lets none of them wait.
_DATABASE_DIRECTORY = tempfile.TemporaryDirectory(prefix="mdp-test-database-")
if settings.DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    settings.DATABASES["default"].setdefault("TEST", {})["NAME"] = f"{_DATABASE_DIRECTORY.name}/test.sqlite3"

_RABBITMQ = pytest.StashKey[RabbitMQServer]()


@pytest.hookimpl(tryfirst=True)  # before pytest-timeout looks
def pytest_configure(config: pytest.Config) -> None:
    """Let the time limit of a test follow the machine, as its deadlines do, unless another is asked for."""
    if config.option.timeout is None and "PYTEST_TIMEOUT" not in os.environ:
        config.option.timeout = scaled(float(config.getini("timeout")))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a server, so that `-m "not rabbitmq"` chooses by need."""
    for item in items:
        names = getattr(item, "fixturenames", ())
        if "rabbitmq_url" in names:
            item.add_marker(pytest.mark.rabbitmq)
        if "redis_url" in names:
            item.add_marker(pytest.mark.redis)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Let RabbitMQ boot (some seconds) while other tests already run."""
    gc.freeze()  # What was imported stays: no collection needs to walk through it again.
    if session.config.option.collectonly or not any(map(_needs_rabbitmq, session.items)):
        return
    with contextlib.suppress(ServiceMissingError):  # the fixture reports it
        session.config.stash[_RABBITMQ] = server = RabbitMQServer()
        server.launch()


def _needs_rabbitmq(item: pytest.Item) -> bool:
    return item.get_closest_marker("rabbitmq") is not None


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the node even when no test came to use it."""
    server = config.stash.get(_RABBITMQ, None)
    if server is not None:
        server.close()


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """Address of a real Valkey that lives as long as the suite. Use `unique_prefix` for keys."""
    with ValkeyServer() as server:
        yield server.url


@pytest.fixture(scope="session")
def rabbitmq_url(pytestconfig: pytest.Config) -> str:
    """Address of a real RabbitMQ that lives as long as the suite. Use `unique_prefix` for queues."""
    server = pytestconfig.stash.get(_RABBITMQ, None) or RabbitMQServer()
    pytestconfig.stash[_RABBITMQ] = server
    try:
        server.start()
    except ServiceMissingError as missing:
        pytest.fail(str(missing), pytrace=False)
    return server.url


@pytest.fixture
def unique_prefix() -> str:
    """A prefix for keys and queues that no other test uses."""
    return f"test-{secrets.token_hex(6)}"


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> None:
    """Let Django empty the test database between tests: it deletes rows, which the audit refuses.

    `tests/integration/control_plane` tests the triggers on databases that were only migrated.
    """
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("DROP TRIGGER IF EXISTS audit_no_delete")
        else:
            cursor.execute("DROP TRIGGER IF EXISTS audit_no_truncate ON control_plane_auditentry")
