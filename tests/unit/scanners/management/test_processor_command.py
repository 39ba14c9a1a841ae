"""The list of shards on the command line is read strictly, and the commands compose from the settings."""

import itertools
import re
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from pytest_django import Settings

from marketdata.errors import ConfigurationError
from scanners.management.commands.run_processor import build_processor, parse_shards
from scanners.management.commands.run_scanner import build_scanner
from scanners.management.worker_arguments import WorkerNumber, parse_worker, worker_commands
from scanners.settings import MOST_WORKERS


@pytest.mark.parametrize(
    ("text", "shards"), [("", (0, 1, 2)), (" ", (0, 1, 2)), ("1", (1,)), ("2, 0", (0, 2)), ("1,1", (1,))]
)
def test_named_shards_are_taken(text: str, shards: tuple[int, ...]) -> None:
    assert parse_shards(text, shard_count=3) == shards


@pytest.mark.parametrize("text", ["3", "-1", "a", "0,", "0;1", "0.5"])
def test_anything_else_is_refused_with_what_is_accepted(text: str) -> None:
    with pytest.raises(ConfigurationError, match="accepted are the numbers 0 to 2"):
        parse_shards(text, shard_count=3)


@pytest.mark.parametrize(
    ("text", "worker"), [("", None), ("0/2", WorkerNumber(0, 2)), ("1/2", WorkerNumber(1, 2))]
)
def test_the_number_of_a_worker_is_read(text: str, worker: WorkerNumber | None) -> None:
    assert parse_worker(text) == worker


@pytest.mark.parametrize("text", ["1", "2/2", "-1/2", "a/b", "0/", "/", "0/0"])
def test_a_wrong_number_of_a_worker_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="index/count"):
        parse_worker(text)


@pytest.mark.parametrize("count", [0, -1, 257])
def test_a_wrong_number_of_workers_is_refused_before_anything_starts(count: int) -> None:
    with pytest.raises(CommandError, match=f"--workers {count} not accepted; accepted are 1 to 256"):
        call_command("run_processor", "--workers", str(count))


@pytest.mark.parametrize(("shards", "workers"), [(2, 2), (5, 2), (2, 3), (4, 4)])
def test_each_shard_is_preferred_by_one_worker_and_the_shares_are_even(shards: int, workers: int) -> None:
    numbers = [WorkerNumber(index, workers) for index in range(workers)]
    shares = [[shard for shard in range(shards) if worker.is_preferred_for(shard)] for worker in numbers]
    assert sorted(itertools.chain(*shares)) == list(range(shards))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_workers_take_the_ports_after_their_parents() -> None:
    commands = worker_commands(2, (0, 1), health_host="127.0.0.1", health_port=4201)
    assert [command.health_port for command in commands] == [4202, 4203]
    assert [command.argv[-5:] for command in commands] == [
        ("0/2", "--health-host", "127.0.0.1", "--health-port", "4202"),
        ("1/2", "--health-host", "127.0.0.1", "--health-port", "4203"),
    ]


def test_no_port_of_the_procfile_is_among_those_of_the_workers() -> None:
    procfile = (Path(__file__).parents[4] / "Procfile").read_text()
    ports = {name: int(port) for name, port in re.findall(r"\$\{([A-Z_]*PORT):-(\d+)\}", procfile)}
    parent = ports.pop("PROCESSOR_HEALTH_PORT")
    assert len(ports) == 3
    assert not {parent + 1 + index for index in range(MOST_WORKERS)} & set(ports.values())


@pytest.mark.parametrize("health_port", [None, 0])
def test_without_a_port_of_the_parent_workers_take_free_ones(health_port: int | None) -> None:
    commands = worker_commands(3, (0, 1), health_host="127.0.0.1", health_port=health_port)
    assert len({command.health_port for command in commands} - {0}) == 3


def test_services_are_composed_without_a_connection(settings: Settings) -> None:
    settings.MDC_URL = settings.MDQ_URL = "redis://127.0.0.1:1"
    assert build_processor((0,)).unready() == {"queues": "not yet connected"}
    assert build_scanner().name == "scanner"


def test_a_wrong_address_is_named(settings: Settings) -> None:
    settings.MDC_URL = "http://nowhere"
    with pytest.raises(ConfigurationError, match="MDC_URL"):
        build_scanner()


@pytest.mark.parametrize("command", ["run_scanner", "run_processor"])
def test_a_command_ends_with_the_wrong_setting_in_one_line(command: str, settings: Settings) -> None:
    settings.MDC_URL = "http://nowhere"
    with pytest.raises(CommandError, match="MDC_URL"):
        call_command(command)


@pytest.mark.parametrize("port", ["70000", "-1", "http"])
def test_a_health_port_that_is_none_is_refused(port: str) -> None:
    with pytest.raises(CommandError, match=f"'{port}' is not a port from 0 to 65535"):
        call_command("run_scanner", f"--health-port={port}")
