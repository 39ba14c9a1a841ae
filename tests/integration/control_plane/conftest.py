"""A site on each of the two databases, with a cache of its own that a test may stop."""

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.deadlines import scaled
from tests.support.postgres import PostgresServer
from tests.support.services import ServiceMissingError, ValkeyServer
from tests.support.site import MANAGE, Site


class ControlledSite(Site):
    """A site whose operators sit at the terminal."""

    cache: ValkeyServer

    def control(self, *arguments: str, environment: dict[str, str] | None = None) -> tuple[int, Any]:
        """The exit code of `manage.py control`, and what it says: values for `--json`, else its text."""
        result = subprocess.run(
            [sys.executable, str(MANAGE), "control", *arguments],
            env=self.environment | (environment or {}),
            capture_output=True,
            text=True,
            timeout=scaled(50),
            check=False,
        )
        if "--json" in arguments:
            assert result.stdout, result.stderr
            return result.returncode, json.loads(result.stdout)
        return result.returncode, result.stdout + result.stderr

    def run(self, program: str) -> str:
        """The output of a program with the site's models."""
        return self.manage("shell", "--no-imports", "-c", program)


@pytest.fixture(scope="module")
def postgres_url() -> Iterator[str]:
    """Address of a PostgreSQL database for one module."""
    server = PostgresServer()
    try:
        server.start()
    except ServiceMissingError as missing:
        pytest.fail(str(missing), pytrace=False)
    with server:
        yield server.url


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def site(request: pytest.FixtureRequest) -> Iterator[ControlledSite]:
    """A running site on each database."""
    database = {}
    if request.param == "postgresql":
        database["DATABASE_URL"] = request.getfixturevalue("postgres_url")
    with (
        ValkeyServer() as cache,
        ControlledSite(
            redis_url=cache.url, oidc_url="http://127.0.0.1:1", LOG_FORMAT="json", **database
        ) as site,
    ):
        site.cache = cache
        yield site
