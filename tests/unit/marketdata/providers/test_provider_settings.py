"""A provider reads its own settings: each wrong one is named with what is accepted, and no key is shown."""

from pathlib import Path

import pytest

from marketdata.errors import ConfigurationError
from marketdata.providers.base import ONLY_STOCKS
from marketdata.providers.massive.configuration import configuration_of
from marketdata.providers.massive.settings import MassiveSettings
from marketdata.providers.registry import provider_names, provider_plugin
from mdp_site.env import Environment


def read(name: str = "massive", **variables: str) -> MassiveSettings:
    settings: MassiveSettings = provider_plugin(name).read_settings(Environment(variables))
    return settings


def test_without_any_variable_the_usual_settings_hold() -> None:
    assert read() == MassiveSettings(
        api_key="",
        feed="RealTime",
        market="stocks",
        subscriptions=("A.*", "T.*", "Q.*", "LULD.*"),
        rest_url="https://api.massive.com",
        secure=True,
        max_reconnects=5,
    )


def test_each_variable_is_read() -> None:
    assert read(
        MASSIVE_API_KEY="key",
        MASSIVE_FEED="127.0.0.1:9400",
        MASSIVE_MARKET="stocks",
        MASSIVE_SUBSCRIPTIONS='["T.*"]',
        MASSIVE_REST_URL="http://127.0.0.1:9400",
        MASSIVE_SECURE="off",
        MASSIVE_MAX_RECONNECTS="0",
    ) == MassiveSettings(
        api_key="key",
        feed="127.0.0.1:9400",
        subscriptions=("T.*",),
        rest_url="http://127.0.0.1:9400",
        secure=False,
        max_reconnects=0,
    )


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("MASSIVE_MARKET", "options", ("'options'", "accepted: stocks", ONLY_STOCKS)),
        ("MASSIVE_SUBSCRIPTIONS", "[1]", ("'[1]'", "a JSON list of strings")),
        ("MASSIVE_SECURE", "perhaps", ("'perhaps'", "on or off (also true")),
        ("MASSIVE_REST_URL", "ftp://somewhere", ("'ftp'", "http://…, https://…")),
        ("MASSIVE_MAX_RECONNECTS", "1001", ("'1001'", "a whole number from 0 to 1000")),
        ("MASSIVE_API_KEY_FILE", "/nowhere", ("'/nowhere'", "the path of a readable text file")),
    ],
)
def test_a_wrong_setting_is_named_with_what_is_accepted(
    variable: str, value: str, words: tuple[str, ...]
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        read(**{variable: value})
    assert all(word in str(refused.value) for word in (variable, *words)), str(refused.value)


def test_the_key_comes_from_its_variable_then_from_the_former_name_then_from_the_file(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("of file\n")
    in_file = {"MASSIVE_API_KEY_FILE": str(file)}
    former = {"POLYGON_API_KEY": "former", **in_file}
    assert read(**in_file).api_key == "of file"
    assert read(**former).api_key == "former"
    assert read(MASSIVE_API_KEY="own", **former).api_key == "own"


def test_no_error_page_and_no_log_shows_the_key() -> None:
    settings = read(MASSIVE_API_KEY="hunter2")
    configuration = configuration_of(settings, provider_plugin("massive").target(settings))
    for shown in (repr(settings), str(settings), repr(configuration)):
        assert "hunter2" not in shown
        assert "feed='RealTime'" in shown


@pytest.mark.parametrize("name", provider_names())
def test_a_provider_reads_only_settings_that_begin_with_its_name(name: str) -> None:
    environment = Environment({})
    provider_plugin(name).read_settings(environment)
    former_name = {"POLYGON_API_KEY"}
    prefix = f"{name.upper()}_"
    assert {asked for asked in environment.names if not asked.startswith(prefix)} <= former_name
    assert environment.names
