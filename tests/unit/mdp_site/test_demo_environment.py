"""The settings of a demo run: ports, secrets that last, and the file that a shell can read."""

import socket
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from mdp_site.demo.environment import (
    DemoError,
    Ports,
    build_environment,
    choose_ports,
    load_secrets,
    uses_real_feed,
    write_environment_file,
)

PORTS = Ports(8000, 8001, 9400, 6390, 9401, 4200, 4201, 4205)


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


def test_all_ports_differ() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = probe.getsockname()[1]
    ports = choose_ports({"PORT": str(free)})
    chosen = [getattr(ports, name) for name in Ports.__slots__]
    assert len(set(chosen)) == len(chosen)
    assert ports.web == free


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
    settings = build_environment({}, PORTS, {}, tmp_path)
    assert settings["MASSIVE_FEED"] == "127.0.0.1:9400"
    assert settings["MASSIVE_REST_URL"] == "http://127.0.0.1:9400"


def test_with_a_key_the_feed_is_left_to_the_caller(tmp_path: Path) -> None:
    settings = build_environment({"MASSIVE_API_KEY": "real"}, PORTS, {}, tmp_path)
    assert not any(name.startswith("MASSIVE") for name in settings)


def test_the_variables_of_an_earlier_demo_in_the_shell_do_not_make_it_the_real_feed(tmp_path: Path) -> None:
    outer = build_environment({}, PORTS, {}, tmp_path)
    assert not uses_real_feed(outer)
    assert build_environment(outer, PORTS, {}, tmp_path) == outer
