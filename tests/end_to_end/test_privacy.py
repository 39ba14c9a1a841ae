"""What another user of the machine learns of a running demo: nothing."""

import json
import stat
from urllib.parse import urlsplit

import psutil
import pytest
from redis import Redis
from redis.exceptions import AuthenticationError

from tests.end_to_end.conftest import Demo

pytestmark = pytest.mark.timeout(240)


def secrets_of(demo: Demo) -> dict[str, str]:
    known: dict[str, str] = json.loads((demo.state / "secrets.json").read_text())
    return known


def test_every_file_and_directory_is_its_owners_alone(demo: Demo) -> None:
    open_to_others = [
        path
        for path in (demo.state, *demo.state.rglob("*"))
        if not path.is_symlink() and stat.S_IMODE(path.stat().st_mode) & 0o077
    ]
    assert open_to_others == []


def test_no_secret_is_in_a_log_or_on_a_command_line(demo: Demo) -> None:
    secrets = secrets_of(demo).values()
    logs = {path.name: path.read_text(errors="replace") for path in (demo.state / "logs").iterdir()}
    assert {"identity.log", "cache.log", "web.log"} <= logs.keys()
    assert [name for name, text in logs.items() if any(secret in text for secret in secrets)] == []

    family = psutil.Process(demo.process.pid).children(recursive=True)
    commands = [" ".join(process.cmdline()) for process in family]
    assert any("server.conf" in command or "valkey" in command for command in commands)
    assert [command for command in commands if any(secret in command for secret in secrets)] == []


def test_the_cache_wants_its_password(demo: Demo) -> None:
    address = urlsplit(
        demo.manage("shell", "-v", "0", "-c", "from django.conf import settings; print(settings.MDC_URL)")
    )
    assert address.password == secrets_of(demo)["CACHE_PASSWORD"]
    with Redis(port=address.port or 0) as stranger, pytest.raises(AuthenticationError):
        stranger.ping()
    with Redis(port=address.port or 0, password=address.password) as ours:
        assert ours.ping()
