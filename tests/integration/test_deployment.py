"""What an operator relies on at the command line: documented settings, silent checks, clean failures."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import call_command

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "deploy" / "environment.example"
# Read by the Procfile's shell lines, the kernels and OpenTelemetry, not by our settings.
READ_ELSEWHERE = re.compile(r"OTEL_[A-Z_]+|NUMBA_CACHE_DIR|HOST|PORT|[A-Z]+_HEALTH_PORT")
# Those of a provider that is not chosen are read as well.
SITE_NAMES = (
    "import mdp_site.settings as site;"
    "from marketdata.providers.registry import provider_names, provider_plugin;"
    "[provider_plugin(name).read_settings(site.env) for name in provider_names()];"
    "print('\\n'.join(site.env.names));"
)
IDENTITY_NAMES = "import mdp_site.dev.identity.settings as identity; print('\\n'.join(identity.env.names))"


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run Python with nothing of our environment but what finds the programs."""
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ} | variables
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


def documented() -> dict[str, str]:
    """Every name in the example file, with its value; commented-out ones count."""
    lines = re.findall(r"^#?([A-Z][A-Z0-9_]*)=(.*)$", EXAMPLE.read_text(), re.MULTILINE)
    return dict(lines)


def production(tmp_path: Path) -> dict[str, str]:
    """The lines of the example that are not commented out, with files and directories that exist."""
    values = dict(re.findall(r"^([A-Z][A-Z0-9_]*)=(.*)$", EXAMPLE.read_text(), re.MULTILINE))
    for name in values:
        if name.endswith("_FILE"):
            (tmp_path / name).write_text("s3cr3t-" * 10)
            values[name] = str(tmp_path / name)
    return values | {"STATE_DIR": str(tmp_path), "DATABASE_URL": f"sqlite:///{tmp_path}/db.sqlite3"}


@pytest.mark.parametrize("program", [SITE_NAMES, IDENTITY_NAMES], ids=["site", "identity"])
def test_every_setting_is_documented(program: str, tmp_path: Path) -> None:
    state = {"STATE_DIR": str(tmp_path), "IDENTITY_STATE_DIR": str(tmp_path)}
    # A name that is set keeps its reader from asking for the alternative (POLYGON_API_KEY, NAME_FILE).
    result = run("-c", program, **state)
    assert result.returncode == 0, result.stderr
    assert set(result.stdout.split()) - documented().keys() == set()


def test_nothing_is_documented_that_nobody_reads(tmp_path: Path) -> None:
    result = run("-c", SITE_NAMES + IDENTITY_NAMES, STATE_DIR=str(tmp_path), IDENTITY_STATE_DIR=str(tmp_path))
    unread = documented().keys() - set(result.stdout.split())
    assert {name for name in unread if not READ_ELSEWHERE.fullmatch(name)} == set()


def test_the_deployment_check_has_nothing_to_say_about_the_example(tmp_path: Path) -> None:
    result = run("manage.py", "check", "--deploy", "--fail-level", "DEBUG", **production(tmp_path))
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_production_without_a_secret_key_is_one_readable_line(tmp_path: Path) -> None:
    variables = production(tmp_path)
    del variables["SECRET_KEY_FILE"]
    result = run("manage.py", "check", **variables)
    assert result.returncode == 1
    assert result.stderr.startswith("configuration error: SECRET_KEY")
    assert "SECRET_KEY_FILE" in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("name", ["DATABASE_URL", "MDC_URL", "MDQ_URL"])
def test_production_without_the_address_of_a_server_is_refused_by_name(name: str, tmp_path: Path) -> None:
    variables = production(tmp_path)
    del variables[name]
    result = run("manage.py", "run_scanner", **variables)
    assert result.returncode == 1
    assert result.stderr.startswith(f"configuration error: {name}='' is not valid; accepted: ")
    assert result.stderr.count("\n") == 1


def test_a_value_that_cannot_be_read_is_one_readable_line(tmp_path: Path) -> None:
    result = run("manage.py", "check", STATE_DIR=str(tmp_path), MDQ_SHARDS="many")
    assert result.returncode == 1
    assert result.stderr == (
        "configuration error: MDQ_SHARDS='many' is not valid; accepted: a whole number from 1 to 256\n"
    )


def test_a_failed_check_ends_a_command_before_it_starts(tmp_path: Path) -> None:
    result = run("manage.py", "migrate", STATE_DIR=str(tmp_path), JOBS_RETRY_SECONDS="10")
    assert result.returncode == 1
    assert result.stderr == (
        "configuration error: JOBS_RETRY_SECONDS is 10 "
        "(Accepted for JOBS_RETRY_SECONDS: more than JOBS_TIMEOUT_SECONDS (300).)\n"
    )


@pytest.mark.parametrize(
    ("command", "wrong", "told"),
    [
        (
            "run_listener",
            {"MASSIVE_FEED": "slow", "MASSIVE_API_KEY": "k"},
            "MASSIVE_FEED is 'slow'; accepted: host:port",
        ),
        ("run_listener", {}, "MASSIVE_API_KEY"),
        ("run_scanner", {"MDQ_SHARD": "3"}, "MDQ_SHARD is not a setting"),
        ("run_scanner", {"SITE_URL": "http://a.example/b"}, "SITE_URL is not the address of a whole site"),
        ("run_scanner", {"STATE_DIR": "/dev/null/state"}, "/dev/null/state"),
        ("run_scanner", {"OIDC_SERVER_URL": "https://id.example"}, "OIDC_CLIENT_ID is empty although"),
        ("run_scanner", {"OIDC_ALLOWED_DOMAINS": "@x"}, "OIDC_ALLOWED_DOMAINS contains ['@x']"),
        (
            "run_scanner",
            {"MDC_URL": "redis://host/zero"},
            "MDC_URL names no database of a Redis server; accepted: ",
        ),
    ],
)
def test_every_wrong_setting_is_one_line(
    command: str, wrong: dict[str, str], told: str, tmp_path: Path
) -> None:
    result = run("manage.py", command, **{"STATE_DIR": str(tmp_path), **wrong})
    assert result.returncode == 1
    assert result.stderr.startswith(f"configuration error: {told}")
    assert result.stderr.count("\n") == 1


def test_the_check_command_lists_every_problem_and_help_is_given_with_wrong_settings(tmp_path: Path) -> None:
    wrong = {"STATE_DIR": str(tmp_path), "JOBS_RETRY_SECONDS": "10", "MASSIVE_FEED": "slow"}
    listed = run("manage.py", "check", **wrong)
    assert listed.returncode == 1
    assert "mdp.E003" in listed.stderr
    assert "mdp.E004" in listed.stderr
    assert run("manage.py", "run_scanner", "--help", **wrong).returncode == 0


@pytest.mark.django_db
def test_migrations_match_the_models() -> None:
    call_command("makemigrations", "--check", "--dry-run")


def test_the_channel_layers_driver_waits_longer_than_the_layer(tmp_path: Path) -> None:
    program = (
        "from mdp_site import settings; from channels_redis.core import RedisChannelLayer as Layer;"
        "[host] = settings.CHANNEL_LAYERS['default']['CONFIG']['hosts'];"
        "print(host['address'], host['socket_timeout'] > Layer.brpop_timeout)"
    )
    result = run("-c", program, STATE_DIR=str(tmp_path), MDC_URL="redis://127.0.0.1:1/3")
    assert result.stdout == "redis://127.0.0.1:1/3 True\n"


def test_a_shared_cache_is_the_one_that_holds_data_only(tmp_path: Path) -> None:
    program = (
        "import django; django.setup(); from django.core.cache import cache;"
        "print(type(cache._connections[cache._alias]).__name__, cache._cache._servers)"
    )
    address = "redis://:a,b;c@127.0.0.1:1/3"
    variables = {"STATE_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "mdp_site.settings"}
    result = run("-c", program, MDC_URL=address, **variables)
    assert result.stdout == f"DataCache {[address]}\n", result.stderr


def test_a_local_site_makes_its_own_secret_key_and_keeps_it(tmp_path: Path) -> None:
    program = "from mdp_site import settings; print(settings.SECRET_KEY)"
    first, second = (run("-c", program, STATE_DIR=str(tmp_path)).stdout for _ in range(2))
    assert first == second
    assert first.strip() == (tmp_path / "secret_key").read_text()
