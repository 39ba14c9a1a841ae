"""The list of shards on the command line is read strictly, and the commands compose from the settings."""

import pytest
from pytest_django import Settings

from marketdata.errors import ConfigurationError
from scanners.management.commands.run_processor import build_processor, parse_shards
from scanners.management.commands.run_scanner import build_scanner


@pytest.mark.parametrize(
    ("text", "shards"), [("", (0, 1, 2)), (" ", (0, 1, 2)), ("1", (1,)), ("2, 0", (0, 2)), ("1,1", (1,))]
)
def test_named_shards_are_taken(text: str, shards: tuple[int, ...]) -> None:
    assert parse_shards(text, shard_count=3) == shards


@pytest.mark.parametrize("text", ["3", "-1", "a", "0,", "0;1", "0.5"])
def test_anything_else_is_refused_with_what_is_accepted(text: str) -> None:
    with pytest.raises(ConfigurationError, match="accepted are the numbers 0 to 2"):
        parse_shards(text, shard_count=3)


def test_services_are_composed_without_a_connection(settings: Settings) -> None:
    settings.MDC_URL = settings.MDQ_URL = "redis://127.0.0.1:1"
    assert build_processor((0,)).unready() == {"queues": "not yet connected"}
    assert build_scanner().name == "scanner"


def test_a_wrong_address_is_named(settings: Settings) -> None:
    settings.MDC_URL = "http://nowhere"
    with pytest.raises(ConfigurationError, match="http://nowhere"):
        build_scanner()
