"""Logs: one format for everybody's lines, once each, and never a flood."""

import json
import logging
import os
import sys
from collections.abc import Iterator

import pytest

from marketdata.errors import ConfigurationError
from marketdata.observability.logs import (
    RateLimitedLog,
    configure_logging,
    get_logger,
    route_library_logger,
)
from tests.support.manual_clock import ManualClock


@pytest.fixture(autouse=True)
def restored_logging() -> Iterator[None]:
    handlers, level = logging.root.handlers[:], logging.root.level
    yield
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)
    logging.captureWarnings(capture=False)


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_our_lines_and_a_librarys_lines_have_one_format(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("listener", "INFO", "json")

    get_logger("ours").info("service ready", port=1)
    logging.getLogger("library").warning("took %s", 7)

    ours, theirs = lines(capsys)
    assert (ours["event"], ours["port"], ours["level"], ours["service"]) == (
        "service ready",
        1,
        "info",
        "listener",
    )
    assert (theirs["event"], theirs["level"], theirs["logger"]) == ("took 7", "warning", "library")
    assert ours["timestamp"]
    assert theirs["timestamp"]


def test_configuring_twice_prints_each_line_once(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("site", "INFO", "json")
    configure_logging("listener", "INFO", "json")

    get_logger("ours").info("once")

    assert [line["service"] for line in lines(capsys)] == ["listener"]


def test_each_line_names_its_process_since_several_may_have_one_name(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging("web", "INFO", "json")

    get_logger("ours").info("once")
    get_logger("ours").info("of another process", pid=1)

    assert [line["pid"] for line in lines(capsys)] == [os.getpid(), 1]


@pytest.mark.parametrize("attached_first", [True, False])
def test_a_librarys_own_handler_does_not_double_its_lines(
    attached_first: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    library = logging.getLogger("SomeClient")
    if not attached_first:
        configure_logging("listener", "INFO", "json")
    library.addHandler(logging.StreamHandler(sys.stdout))
    if attached_first:
        configure_logging("listener", "INFO", "json")
    else:
        route_library_logger("SomeClient")

    library.warning("heard once")

    assert [line["event"] for line in lines(capsys)] == ["heard once"]


def test_the_level_holds_back_what_is_below(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("listener", "warning", "json")
    get_logger("ours").info("not shown")
    get_logger("ours").warning("shown")
    assert [line["event"] for line in lines(capsys)] == ["shown"]


def test_an_exception_is_part_of_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("listener", "INFO", "json")
    get_logger("ours").error("failed", exc_info=ValueError("no luck"))
    (line,) = lines(capsys)
    assert "no luck" in json.dumps(line["exception"])


def test_the_console_format_is_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("listener", "INFO", "console")
    get_logger("ours").info("service ready", port=1)
    text = capsys.readouterr().out
    assert "service ready" in text
    assert "port=1" in text


@pytest.mark.parametrize(
    ("level", "output_format", "setting"), [("LOUD", "json", "LOG_LEVEL"), ("INFO", "xml", "LOG_FORMAT")]
)
def test_a_wrong_setting_is_refused_by_name(level: str, output_format: str, setting: str) -> None:
    with pytest.raises(ConfigurationError, match=setting):
        configure_logging("listener", level, output_format)


def test_a_reason_is_logged_once_a_minute_with_the_number_kept_back(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging("listener", "INFO", "json")
    clock = ManualClock()
    limited = RateLimitedLog(get_logger("ours"), clock=clock)

    for _ in range(1_000):
        limited.warning("set aside", reason="not_json")
    limited.warning("set aside", reason="no_symbol")
    clock.advance(60)
    limited.warning("set aside", reason="not_json")

    assert [(line["reason"], line["similar_kept_back"]) for line in lines(capsys)] == [
        ("not_json", 0),
        ("no_symbol", 0),
        ("not_json", 999),
    ]


def test_another_event_with_the_same_reason_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("listener", "INFO", "json")
    limited = RateLimitedLog(get_logger("ours"), clock=ManualClock())
    for event in ("not stored", "not checked", "not stored"):
        limited.warning(event, reason="OperationalError")
    assert [line["event"] for line in lines(capsys)] == ["not stored", "not checked"]


@pytest.mark.parametrize("output_format", ["json", "console"])
def test_a_traceback_tells_the_way_and_no_value_on_it(
    output_format: str, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging("listener", "INFO", output_format)
    password = "hunter2"

    def broken() -> None:
        raise ConfigurationError(f"the password has {len(password)} characters")

    try:
        broken()
    except ConfigurationError:
        get_logger("ours").exception("service failed")

    printed = capsys.readouterr().out
    assert "in broken" in printed or '"name": "broken"' in printed
    assert "the password has 7 characters" in printed
    assert "hunter2" not in printed
