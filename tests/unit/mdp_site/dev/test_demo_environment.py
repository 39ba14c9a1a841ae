"""The settings of a demo run: ports, secrets that last, and the file that a shell can read."""

import socket
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from mdp_site.dev.demo import environment, plan
from mdp_site.dev.demo.environment import (
    DEMO_USER,
    OPERATOR_USER,
    DemoError,
    Ports,
    build_environment,
    choose_ports,
    free_port,
    load_secrets,
    make_private,
    uses_real_feed,
    write_environment_file,
)

SECRETS = {"CACHE_PASSWORD": "cache-password"}
PORTS = Ports(8000, 8001, 9400, 6390, 9401, 4200, 4207, 4205)


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_a_taken_port_is_named_with_the_variable_that_changes_it(taken_port: int) -> None:
    with pytest.raises(DemoError, match=rf"Port {taken_port} is taken.*PORT=\d+ make demo"):
        choose_ports({"PORT": str(taken_port)})


@pytest.mark.parametrize("value", ["0", "65536", "-1", "http", "80.5"])
def test_a_port_that_is_none_says_what_is_accepted(value: str) -> None:
    with pytest.raises(DemoError, match=r"from 1 to 65535"):
        choose_ports({"PORT": value})


def chosen_for(port: int) -> list[int]:
    ports = choose_ports({"PORT": str(port)})
    return [getattr(ports, name) for name in Ports.__slots__]


def test_all_ports_differ() -> None:
    free = free_port()
    chosen = chosen_for(free)
    assert len(set(chosen)) == len(chosen)
    assert chosen[0] == free


def test_two_demos_that_start_at_the_same_moment_choose_different_ports(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(environment, "_is_free", lambda _port: True)
    assert choose_ports({}) == PORTS
    assert not set(chosen_for(8000)) & set(chosen_for(8010))


@pytest.mark.parametrize("port", [80, 65_535])
def test_a_usual_port_outside_the_range_gives_way_to_a_free_one(
    monkeypatch: pytest.MonkeyPatch, port: int
) -> None:
    monkeypatch.setattr(environment, "_is_free", lambda _port: True)
    assert all(1024 <= other <= 65_535 for other in chosen_for(port)[1:])


def test_secrets_are_made_once_and_are_private(tmp_path: Path) -> None:
    first = load_secrets(tmp_path)
    assert load_secrets(tmp_path) == first
    assert len(set(first.values())) == len(first)
    assert stat.S_IMODE((tmp_path / "secrets.json").stat().st_mode) == 0o600


def test_the_environment_file_reads_back_in_a_shell(tmp_path: Path) -> None:
    settings = {"PLAIN": "x", "AWKWARD": "a b'c$d\"e", "EMPTY": ""}
    path = tmp_path / "env"
    write_environment_file(path, settings)
    script = f'set -a; . {path}; printf "%s|%s|%s" "$PLAIN" "$AWKWARD" "$EMPTY"'
    shown = subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, check=True)
    assert shown.stdout == "x|a b'c$d\"e|"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_without_a_key_the_feed_is_the_simulator(tmp_path: Path) -> None:
    settings = build_environment({}, PORTS, SECRETS, tmp_path)
    assert settings["MASSIVE_FEED"] == "127.0.0.1:9400"
    assert settings["MASSIVE_REST_URL"] == "http://127.0.0.1:9400"


def test_with_a_key_the_feed_is_left_to_the_caller(tmp_path: Path) -> None:
    settings = build_environment({"MASSIVE_API_KEY": "real"}, PORTS, SECRETS, tmp_path)
    assert not any(name.startswith("MASSIVE") for name in settings)


def test_the_variables_of_an_earlier_demo_in_the_shell_do_not_make_it_the_real_feed(tmp_path: Path) -> None:
    outer = build_environment({}, PORTS, SECRETS, tmp_path)
    assert not uses_real_feed(outer)
    assert build_environment(outer, PORTS, SECRETS, tmp_path) == outer


def test_all_parts_reach_the_cache_with_its_password(tmp_path: Path) -> None:
    settings = build_environment({}, PORTS, SECRETS, tmp_path)
    for name, database in (("MDC_URL", 0), ("MDQ_URL", 1)):
        assert settings[name] == f"redis://:cache-password@127.0.0.1:6390/{database}"


def test_the_cache_servers_password_is_in_a_private_file_and_not_on_its_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "cache_program", lambda: "server")
    process = plan.cache_server(PORTS, tmp_path, "cache-password")
    assert "cache-password" not in " ".join(process.command)
    file = Path(process.command[1])
    assert 'requirepass "cache-password"' in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_an_older_demos_directory_is_closed_and_keeps_its_secrets(tmp_path: Path) -> None:
    state = tmp_path / "demo"
    state.mkdir()
    state.chmod(0o755)
    (state / "secrets.json").write_text(
        '{"SECRET_KEY": "old", "OIDC_CLIENT_SECRET": "old", "DEMO_PASSWORD": "old"}'
    )
    make_private(state)
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    known = load_secrets(state)
    assert known["DEMO_PASSWORD"] == "old"
    assert len(known["CACHE_PASSWORD"]) > 20


def test_a_new_directory_is_private_from_its_creation(tmp_path: Path) -> None:
    make_private(tmp_path / "new")
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700


def test_a_directory_that_is_not_a_demos_is_left_as_it_is(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(DemoError, match="open to others and has other files"):
        make_private(tmp_path)
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755


@pytest.mark.parametrize(("environment", "scenario"), [({}, "demo"), ({"SCENARIO": "hostile"}, "hostile")])
def test_the_demo_runs_the_scenario_that_is_asked_for(environment: dict[str, str], scenario: str) -> None:
    command = plan.market(PORTS, plan.chosen_scenario(environment)).command
    assert command[command.index("--scenario") + 1] == scenario


def test_a_scenario_that_does_not_exist_is_named_with_those_that_do() -> None:
    with pytest.raises(DemoError, match=r"SCENARIO='nope'.*accepted: .*halt, hostile, open"):
        plan.chosen_scenario({"SCENARIO": "nope"})


def test_the_readme_shows_the_login_as_the_demo_prints_it() -> None:
    supervisor = (plan.ROOT / "mdp_site" / "dev" / "demo" / "supervisor.py").read_text()
    readme = (plan.ROOT / "README.md").read_text()
    for name, user in (("DEMO_USER", DEMO_USER), ("OPERATOR_USER", OPERATOR_USER)):
        assert f"log in as {{{name}}} with password " in supervisor
        assert f"log in as {user} with password " in readme


def test_each_user_of_the_demo_has_a_password_of_its_own_that_can_be_typed(tmp_path: Path) -> None:
    known = load_secrets(tmp_path)
    assert known["DEMO_PASSWORD"] != known["DEMO_OPERATOR_PASSWORD"]
    assert len(known["DEMO_PASSWORD"]) == len(known["DEMO_OPERATOR_PASSWORD"]) == 12
