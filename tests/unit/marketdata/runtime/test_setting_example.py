"""The program that docs/architecture.md shows, taken from the page: how a setting is added."""

import ast
import re
from pathlib import Path
from typing import Any, Final

import pytest

from marketdata.control import InvalidSettings, changed
from marketdata.errors import ContentError
from marketdata.runtime.live_settings import LiveSettings, read_actual
from marketdata.runtime.settings import declarations, encode_settings
from marketdata.runtime.settings_export import with_table
from tests.architecture.test_declared_settings import readings
from tests.support.manual_clock import ManualClock

PAGE: Final = Path(__file__).parents[4] / "docs" / "architecture.md"


def program_of_the_page() -> str:
    (program,) = re.findall(
        r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    return str(program)


SHOWN: Final[dict[str, Any]] = {"__name__": "shown"}
exec(compile(program_of_the_page(), PAGE.name, "exec"), SHOWN)  # noqa: S102 - the page is part of the repository
Settings: Final = SHOWN["SweeperSettings"]


def steered() -> tuple[LiveSettings[Any], Any]:
    live = LiveSettings(Settings(), source="sweeper", clock=ManualClock(time_ms=0))
    return live, SHOWN["Sweeper"](live)


def test_a_change_holds_at_the_next_reading_and_is_reported() -> None:
    live, sweeper = steered()
    assert sweeper.pause_seconds == 10
    wanted = live.read(encode_settings({"version": 3, "sweeps_per_minute": 30}))
    live.apply(wanted)
    assert sweeper.pause_seconds == 2
    report = read_actual(live.report(wanted, refused_version=0, refusal=""))
    assert (report.version, report.values["sweeps_per_minute"]) == (3, 30)


def test_a_value_out_of_bounds_is_refused_for_operators_and_by_the_process() -> None:
    with pytest.raises(InvalidSettings, match="accepted: a whole number from 1 to 60 sweeps"):
        changed(Settings, {}, {"sweeps_per_minute": "61"})
    live, sweeper = steered()
    with pytest.raises(ContentError):
        live.read(encode_settings({"version": 1, "sweeps_per_minute": 0}))
    assert sweeper.pause_seconds == 10


def test_variable_and_documents_follow_from_the_declaration() -> None:
    assert declarations(Settings)["sweeps_per_minute"].variable == "SWEEPS_PER_MINUTE"
    page = with_table("<!-- schema: settings -->\n<!-- end of schema -->", {"sweeper": Settings})
    assert "`sweeps_per_minute` | a whole number from 1 to 60 sweeps | live | `SWEEPS_PER_MINUTE`" in page


def test_the_contract_of_the_settings_sees_that_it_is_used() -> None:
    assert "sweeps_per_minute" in {node.attr for node in readings(ast.parse(program_of_the_page()))}
