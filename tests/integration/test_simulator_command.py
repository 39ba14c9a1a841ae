"""`manage.py run_simulator`: its options, and its life as a process."""

import datetime as dt
import json
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from marketdata.management.commands.run_simulator import build_service, default_start
from marketdata.synthetic_market.scenarios import SCENARIOS
from tests.support.deadlines import eventually_sync, scaled
from tests.support.services import free_port

PROJECT = Path(__file__).resolve().parents[2]
OPTIONS: dict[str, Any] = {
    "host": "127.0.0.1",
    "port": 0,
    "symbols": 200,
    "seed": 3,
    "start": "2026-11-20T09:28",
    "speed": 2.0,
    "profile": "quiet",
    "rate": None,
    "mix": "A:4,T:10,Q:40",
    "api_key": None,
    "max_connections": 1,
    "evict": "oldest",
    "compression": False,
    "scenario": None,
    "burst": None,
    "frame_events": 1_000,
}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--speed", "61"], "speed must be 1 to 60"),
        (["--speed", "nan"], "speed must be 1 to 60"),
        (["--symbols", "3"], "symbols must be 10 to 20000"),
        (["--rate", "0"], "rate must be above 0"),
        (["--rate", "10", "--mix", "X:1"], "is not TYPE:SHARE"),
        (["--start", "tomorrow"], "'tomorrow' is not a time"),
        (["--start", "2026-11-20T09:28Z"], "carries a time zone"),
        (["--start", "1990-01-01T09:28"], "out of range"),
        (["--api-key", "key:A,ZZ"], "is not KEY or KEY:CHANNELS"),
        (["--max-connections", "0"], "one connection"),
        (["--seed", "-1"], "--seed must be 0 or more"),
        (["--port", "70000"], "is not a port"),
        (["--rate", "10", "--profile", "busy"], "not allowed with"),
        (["--scenario", "panic"], "invalid choice: 'panic'"),
        (["--burst", "100"], "--burst needs a --rate"),
        (["--rate", "100", "--burst", "99"], "must be between it and 5,000,000, got 99"),
        (["--frame-events", "4001"], "events per frame must be 1 to 4000"),
    ],
)
def test_a_bad_option_is_named_before_anything_starts(options: list[str], message: str) -> None:
    with pytest.raises(CommandError, match=message):
        call_command("run_simulator", *options)


def test_the_default_start_is_shortly_before_the_open_of_the_last_session() -> None:
    sessions = [dt.date(2026, 11, 19), dt.date(2026, 11, 20), dt.date(2026, 11, 23)]
    for today in (dt.date(2026, 11, 22), dt.date(2026, 11, 23)):
        assert default_start(sessions, today) == dt.datetime(2026, 11, 20, 9, 29)  # noqa: DTZ001 - New York's wall clock


def test_a_scenario_begins_at_its_own_time_unless_told_otherwise() -> None:
    sessions = [dt.date(2026, 11, 20)]
    opening = default_start(sessions, dt.date(2026, 11, 22), SCENARIOS["open"])
    assert opening.time() == dt.time(9, 29, 50)
    service = build_service(OPTIONS | {"scenario": "halt"})
    assert service.market.start_ms == service.market.now_ms
    assert service.market.calendar.local_time(service.market.now_ms).time() == dt.time(9, 28)
    assert len(service.market.halts) == 8


def test_a_burst_is_one_second_of_every_half_minute_from_ten_seconds_on() -> None:
    load = {"rate": 1_000.0, "burst": 4_000.0, "mix": "A:1,T:1,Q:4", "speed": 1.0}
    market = build_service(OPTIONS | load).market
    events = [sum(map(len, market.step(1_000))) for _ in range(45)]
    bursts = [second for second, count in enumerate(events) if count > 2_000]
    assert bursts == [10, 40]
    assert events[10] == pytest.approx(4_000, rel=0.05)


def test_a_start_in_new_york_becomes_market_time() -> None:
    market = build_service(OPTIONS).market
    assert market.calendar.local_time(market.now_ms).isoformat() == "2026-11-20T09:28:00-05:00"


def test_the_process_serves_and_stops_in_good_order(unused_port: int) -> None:
    command = [sys.executable, "manage.py", "run_simulator", "--symbols", "200", "--port", str(unused_port)]
    command += ["--api-key", "one", "--api-key", "two:A", "--start", "2026-11-20T09:28"]
    url = f"http://127.0.0.1:{unused_port}/v1/marketstatus/now?apiKey=two"
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        try:
            status = eventually_sync(lambda: _status(url) or process.poll() is not None, 50)
            assert isinstance(status, dict)
            assert status["serverTime"].startswith("2026-11-20T09:28")
            process.send_signal(signal.SIGTERM)
            assert process.wait(scaled(10)) == 0
        finally:
            process.kill()


def test_a_taken_port_ends_the_process_with_an_error(unused_port: int) -> None:
    with socket.create_server(("127.0.0.1", unused_port)):
        command = [
            sys.executable,
            "manage.py",
            "run_simulator",
            "--symbols",
            "50",
            "--port",
            str(unused_port),
        ]
        ended = subprocess.run(command, cwd=PROJECT, capture_output=True, timeout=scaled(30), check=False)
    assert ended.returncode == 1


def _status(url: str) -> dict[str, Any] | None:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:  # noqa: S310 - our own server
            answer: dict[str, Any] = json.load(response)
            return answer
    except OSError:
        return None


@pytest.fixture
def unused_port() -> int:
    return free_port()
