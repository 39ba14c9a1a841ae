"""Environment readers: typed values, and errors that name the setting and what is accepted."""

import datetime as dt
import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketdata.errors import ConfigurationError
from marketdata.providers.base import MARKETS, ONLY_STOCKS
from mdp_site.env import Environment
from mdp_site.private_files import private_directory, private_file, stored_secret

Read = Callable[[Environment], Any]


@pytest.mark.parametrize(
    ("raw", "read", "expected"),
    [
        ("  text ", lambda env: env.text("NAME"), "text"),
        ("12", lambda env: env.integer("NAME", 1, minimum=0, maximum=20), 12),
        ("TRUE", lambda env: env.boolean("NAME", default=False), True),
        ("off", lambda env: env.boolean("NAME", default=True), False),
        ("False", lambda env: env.boolean("NAME", default=True), False),
        ("b", lambda env: env.choice("NAME", "a", accepted=("a", "b")), "b"),
        ("21:00", lambda env: env.time_of_day("NAME", dt.time(4)), dt.time(21)),
        ('["A.*","T.*"]', lambda env: env.words("NAME"), ["A.*", "T.*"]),
        ("A.*, T.* ,", lambda env: env.words("NAME"), ["A.*", "T.*"]),
        ("redis://h/0", lambda env: env.url("NAME", schemes=("redis",)), "redis://h/0"),
        ("/srv/x", lambda env: env.path("NAME", Path("y")), Path("/srv/x")),
        ("s3cret", lambda env: env.secret("NAME"), "s3cret"),
    ],
)
def test_values_are_read_as_their_type(raw: str, read: Read, expected: object) -> None:
    assert read(Environment({"NAME": raw})) == expected


@pytest.mark.parametrize("variables", [{}, {"NAME": ""}, {"NAME": "  "}])
def test_absent_and_empty_mean_the_default(variables: dict[str, str]) -> None:
    env = Environment(variables)
    assert env.integer("NAME", 7, minimum=0, maximum=9) == 7
    assert env.boolean("NAME", default=True) is True
    assert env.words("NAME", ("a",)) == ["a"]


@pytest.mark.parametrize(
    ("raw", "read", "accepted"),
    [
        ("many", lambda env: env.integer("NAME", 1, minimum=1, maximum=256), "a whole number from 1 to 256"),
        ("1.5", lambda env: env.integer("NAME", 1, minimum=1, maximum=256), "a whole number from 1 to 256"),
        ("0", lambda env: env.integer("NAME", 1, minimum=1, maximum=256), "a whole number from 1 to 256"),
        ("257", lambda env: env.integer("NAME", 1, minimum=1, maximum=256), "a whole number from 1 to 256"),
        (
            "maybe",
            lambda env: env.boolean("NAME", default=True),
            "on or off (also true, yes, 1; false, no, 0)",
        ),
        ("c", lambda env: env.choice("NAME", "a", accepted=("a", "b")), "one of a, b"),
        ("24:00", lambda env: env.time_of_day("NAME", dt.time(4)), "from 00:00 to 23:59, such as 04:00"),
        ("4am", lambda env: env.time_of_day("NAME", dt.time(4)), "from 00:00 to 23:59, such as 04:00"),
        (
            "04:59",
            lambda env: env.time_of_day("NAME", dt.time(6), earliest=dt.time(5)),
            "from 05:00 to 23:59",
        ),
        ("05:01", lambda env: env.time_of_day("NAME", dt.time(4), latest=dt.time(5)), "from 00:00 to 05:00"),
        ("[1]", lambda env: env.words("NAME"), "a JSON list of strings"),
        ('["a"', lambda env: env.words("NAME"), "a JSON list of strings"),
        ("/no/such", lambda env: env.secret("NAME_OF"), "the path of a readable text file"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_accepted(raw: str, read: Read, accepted: str) -> None:
    env = Environment({"NAME": raw, "NAME_OF_FILE": raw})
    with pytest.raises(ConfigurationError) as caught:
        read(env)
    assert "NAME" in str(caught.value)
    assert repr(raw) in str(caught.value)
    assert accepted in str(caught.value)


@pytest.mark.parametrize("raw", ["mysql://user:hunter2@host/", "host:6379", "http://[hunter2", "hunter2"])
def test_a_wrong_url_is_refused_without_repeating_a_password(raw: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Environment({"MDQ_URL": raw}).url("MDQ_URL", schemes=("redis", "amqp"))
    assert "MDQ_URL" in str(caught.value)
    assert "redis://…, amqp://…" in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "raw",
    [
        "redis://:hunter2@host/zero",
        "redis://:hunter2@host:6379/1/2",
        "rediss://host/-1",
        "redis://host//",
        "redis://host/²",
        "redis://host?db=",
        "unix:///run/redis.sock?db=zero",
    ],
)
def test_an_address_that_names_no_database_is_refused(raw: str) -> None:
    with pytest.raises(ConfigurationError, match="MDC_URL names no database") as caught:
        Environment({"MDC_URL": raw}).url("MDC_URL", schemes=("redis", "rediss", "unix"))
    assert "a whole number, such as 0" in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "raw",
    ["redis://host", "redis://host/", "rediss://u:p@host:1/15", "redis://h?db=3", "unix:///run/r.sock?db=2"],
)
def test_an_address_with_a_numbered_database_or_none_is_taken(raw: str) -> None:
    assert Environment({"MDC_URL": raw}).url("MDC_URL", schemes=("redis", "rediss", "unix")) == raw


@pytest.mark.parametrize("password", ["hun/ter2", "hun#ter2", "hun?ter2"])
def test_a_password_that_breaks_an_address_is_named_by_what_to_write_instead(password: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Environment({"MDQ_URL": f"redis://:{password}@cache:6379/0"}).url("MDQ_URL", schemes=("redis",))
    assert str(caught.value).startswith("MDQ_URL cannot be read as an address")
    assert "/ is %2F, # is %23" in str(caught.value)
    assert "hun" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    "raw",
    [
        *("", "ws://127.0.0.1:8001/ws/", "wss://feeds.example.com/ws/", "WSS://Feeds.example.com:443/ws"),
        *("wss://localhost/a/b_c/~d.e-f/ws/", "wss://xn--strae-oqa.example/ws/"),
    ],
)
def test_the_address_of_a_websocket_is_taken(raw: str) -> None:
    assert Environment({"WDS_URL": raw}).websocket_url("WDS_URL") == raw


@pytest.mark.parametrize(
    ("raw", "wrong"),
    [
        ("https://feeds.example.com/ws/", "has the scheme 'https'"),
        ("feeds.example.com/ws/", "has the scheme ''"),
        ("wss://ann:hunter2@feeds.example.com/ws/", "has a user"),
        ("wss://@feeds.example.com/ws/", "has a user"),
        ("wss://feeds.example.com/ws/?token=hunter2", "has a query"),
        ("wss://feeds.example.com/ws/?", "has a query"),
        ("wss://feeds.example.com/ws/#hunter2", "has a fragment"),
        ("wss://feeds.example.com/ws/#", "has a fragment"),
        ("wss://feeds.example.com", "has no host name or no path"),
        ("wss://feeds.example.com/", "has no host name or no path"),
        ("wss:///ws/", "has no host name or no path"),
        ("wss:ws/", "has no host name or no path"),
        ("wss://[::1]/ws/", "has no host name or no path"),
        ("wss://*.example.com/ws/", "or other characters"),
        ("wss://straße.example/ws/", "or other characters"),
        ("wss://feeds.example.com/ws/; script-src *", "or other characters"),
        ("wss://feeds.example.com/ws/,x", "or other characters"),
        ("wss://feeds.example.com//ws/", "or other characters"),
        ("wss://feeds.example.com:70000/ws/", "cannot be read as an address"),
    ],
)
def test_an_address_that_no_page_could_use_is_refused_and_its_fault_named(raw: str, wrong: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Environment({"WDS_URL": raw}).websocket_url("WDS_URL")
    assert str(caught.value).startswith("WDS_URL ")
    assert wrong in str(caught.value)
    assert "accepted: ws://" in str(caught.value)
    assert "hunter2" not in str(caught.value)


@given(st.text(alphabet="wsWS:/.@?#;,' *-_~ab0[]\t\n", max_size=30))
def test_any_address_of_a_websocket_is_one_source_of_a_policy_or_a_configuration_error(rest: str) -> None:
    try:
        value = Environment({"WDS_URL": f"wss://{rest}"}).websocket_url("WDS_URL")
    except ConfigurationError:
        return
    assert not set(value) & set(" ;,'*@?#\t\n")


def test_files_are_private_from_their_creation(tmp_path: Path) -> None:
    file = private_file(tmp_path / "state" / "db.sqlite3")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    file.write_text("kept")
    assert private_file(file).read_text() == "kept"


def test_a_secret_comes_from_the_named_file(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("from file\n")
    assert Environment({"KEY_FILE": str(file)}).secret("KEY") == "from file"


def test_a_secret_given_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="KEY and KEY_FILE are both set"):
        Environment({"KEY": "a", "KEY_FILE": str(tmp_path)}).secret("KEY")


def test_an_empty_secret_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret").touch()
    with pytest.raises(ConfigurationError, match=r"KEY_FILE=.*not empty"):
        Environment({"KEY_FILE": str(tmp_path / "secret")}).secret("KEY")


@given(st.lists(st.text()))
def test_any_list_written_as_json_comes_back(words: list[str]) -> None:
    assert Environment({"NAME": json.dumps(words)}).words("NAME") == words


@given(st.text())
def test_any_text_is_a_number_within_bounds_or_a_configuration_error(raw: str) -> None:
    try:
        value = Environment({"NAME": raw}).integer("NAME", 5, minimum=1, maximum=9)
    except ConfigurationError:
        return
    assert 1 <= value <= 9


def test_a_stored_secret_is_made_once_and_private(tmp_path: Path) -> None:
    path = tmp_path / "state" / "secret_key"
    first = stored_secret(path)
    assert len(first) >= 50
    assert stored_secret(path) == first
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert list(path.parent.iterdir()) == [path]


def test_of_two_makers_of_a_secret_the_first_wins(tmp_path: Path) -> None:
    path = tmp_path / "secret"

    def slow() -> str:
        stored_secret(path, make=lambda: "faster")
        return "slower"

    assert stored_secret(path, make=slow) == "faster"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("market", ["options", "indices", "Stocks"])
def test_a_choice_that_is_none_of_the_accepted_is_refused_with_the_reason(market: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        Environment({"MARKET": market}).choice("MARKET", MARKETS[0], accepted=MARKETS, reason=ONLY_STOCKS)
    assert str(refused.value) == f"MARKET={market!r} is not valid; accepted: stocks ({ONLY_STOCKS})"


@pytest.mark.parametrize("raw", ["https://a.example", "http://127.0.0.1:8000/"])
def test_the_address_of_a_whole_site_is_taken(raw: str) -> None:
    assert Environment({"SITE_URL": raw}).origin("SITE_URL", "http://b") == raw


@pytest.mark.parametrize(
    "rest", ["a.example/scanner", "a.example?b", "a.example#b", "u:secret@a.example", ""]
)
def test_an_address_with_more_or_less_than_a_site_is_refused(rest: str) -> None:
    with pytest.raises(ConfigurationError, match="SITE_URL is not the address of a whole site") as refused:
        Environment({"SITE_URL": f"https://{rest}"}).origin("SITE_URL", "http://b")
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("use", [private_directory, private_file, stored_secret])
def test_a_place_that_cannot_be_written_is_named_with_what_is_accepted(
    use: Callable[[Path], object], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match=r"cannot be used .*; accepted: .*STATE_DIR"):
        use(tmp_path / "file" / "state" / "secret_key")
