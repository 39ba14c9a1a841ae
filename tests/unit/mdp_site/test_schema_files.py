"""The files that follow from the declarations are current, and a new analyzer's column is in all of them."""

import json
import re
import shutil
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import Annotated, Final

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from marketdata.errors import ConfigurationError
from marketdata.runtime.role_settings import SCANNER
from marketdata.runtime.settings import own_settings, setting
from marketdata.runtime.settings_export import Services
from marketdata.schema import ColumnInfo, SchemaError, Unit
from marketdata.schema.boards import TOP_VOLUME, at
from marketdata.schema.export import decode_schema
from marketdata.transport.queues import QueueName
from mdp_site.env import Environment
from mdp_site.management.commands import schema as command
from mdp_site.schema_files import (
    ASYNCAPI,
    ENVIRONMENT_EXAMPLE,
    METRICS_PAGE,
    OPENAPI,
    ROOT,
    SETTINGS_PAGE,
    STORED,
    TYPESCRIPT,
    stale_files,
    write_files,
)
from mdp_site.service_settings import SERVICES
from scanners.analysis.bars import VOLUME
from scanners.analysis.contract import Analyzer, Emission, EventGroup, MarketPhase
from scanners.processor.shard import ShardProcessor
from scanners.registry import Route, routes, schema
from scanners.scanner import market
from scanners.settings import ScannerSettings
from scanners.table import MarketTable
from tests.support.builders import aggregate_wire, batch, block_rows, calendar_of, new_york_ms, whole_of
from widgets.hub.feeds import registry
from widgets.hub.feeds.status import StatusSource

DAY: Final = "2026-11-23"


class BusiestBar(Analyzer):
    """All that a new analyzer with a column on a board is made of."""

    name: Final = "busiest_bar"
    columns: Final = (
        ColumnInfo(
            "busiest_bar_volume",
            "Busiest bar",
            Unit.SHARES,
            "Volume of the day's busiest bar",
            short="Busiest",
            definition="greatest field `v` of the day's bars | late ones included",
            boards=at(999, TOP_VOLUME),
        ),
    )

    def update(self, table: MarketTable, group: EventGroup, phase: MarketPhase) -> Sequence[Emission]:
        np.fmax.at(table["busiest_bar_volume"], group.rows, group.values[VOLUME])
        table.mark(group.rows)
        return ()


def new_routes() -> Sequence[Route]:
    """The registry with one line more."""
    aggregates, *others = routes()
    route = Route(
        aggregates.queue,
        aggregates.columns,
        aggregates.time,
        (*aggregates.analyzers, BusiestBar()),
    )
    return (route, *others)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A scratch copy of what is written."""
    for path in (STORED, TYPESCRIPT, METRICS_PAGE, ENVIRONMENT_EXAMPLE, SETTINGS_PAGE, ASYNCAPI, OPENAPI):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, tmp_path / path)
    return tmp_path


def test_the_files_that_follow_from_the_declarations_are_current() -> None:
    assert stale_files(ROOT) == [], "write them with `make schema`"


def test_a_new_column_comes_to_the_board_the_web_process_the_browser_and_the_page(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    declared = schema(new_routes())
    assert set(stale_files(copy, declared)) == {STORED, TYPESCRIPT, METRICS_PAGE, OPENAPI}

    assert set(write_files(copy, declared)) == {STORED, TYPESCRIPT, METRICS_PAGE, OPENAPI}

    assert stale_files(copy, declared) == []
    read = decode_schema((copy / STORED).read_bytes())
    (board,) = (board for board in read.boards if board.name == TOP_VOLUME)
    assert read.board_columns(board)[-1] == "busiest_bar_volume"
    browser = (copy / TYPESCRIPT).read_text()
    assert re.search(
        r'^  "scanners:top_volume": \["accumulated_volume", .*"busiest_bar_volume"\],$', browser, re.MULTILINE
    )
    assert '    shortLabel: "Busiest",' in browser
    row_of_the_api = json.loads((copy / OPENAPI).read_text())["components"]["schemas"]["Row"]
    assert row_of_the_api["properties"]["busiest_bar_volume"]["type"] == ["integer", "null"]
    page = (copy / METRICS_PAGE).read_text()
    row = (
        r"| `busiest_bar_volume` | Busiest bar (Busiest) | shares | greatest field `v` of the day's bars \| "
    )
    assert row in page.split("## Further columns")[1]

    monkeypatch.setattr(market, "routes", new_routes)
    shard = ShardProcessor(0, routes=new_routes(), calendar=calendar_of(DAY, "2026-11-24"), epoch=1)
    for second, volume in enumerate((5, 70, 6)):
        start_ms = new_york_ms(DAY, f"10:00:0{second}")
        shard.apply([batch(QueueName.AGGREGATE, [aggregate_wire("A", start_ms=start_ms, v=volume)])])
    scanner = market.MarketScanner(epoch=1)
    scanner.apply_whole(0, whole_of(shard.tick(published_ns=1)))
    boards = {each.feed: each.block for each in scanner.rank_boards(published_ns=2)}
    assert block_rows(boards[TOP_VOLUME])["A"]["busiest_bar_volume"] == 70.0


class RankingScanner(ScannerSettings, frozen=True, kw_only=True):
    """All that a new setting is made of."""

    ranked_symbols: Annotated[int, setting("How many symbols a board has.", minimum=1, maximum=5_000)] = 500


def test_a_new_setting_comes_to_the_environment_its_example_and_the_page_by_its_declaration(
    copy: Path,
) -> None:
    services: Services = {**SERVICES, SCANNER: RankingScanner}
    assert set(stale_files(copy, services=services)) == {ENVIRONMENT_EXAMPLE, SETTINGS_PAGE}

    write_files(copy, services=services)

    assert "\n#RANKED_SYMBOLS=500\n" in (copy / ENVIRONMENT_EXAMPLE).read_text()
    row = "| scanner | `ranked_symbols` | a whole number from 1 to 5000 | live | `RANKED_SYMBOLS` |"
    assert row in (copy / SETTINGS_PAGE).read_text()
    values = Environment({"RANKED_SYMBOLS": "20"}).declared(services.values())
    assert own_settings(RankingScanner, values).ranked_symbols == 20
    with pytest.raises(
        ConfigurationError, match="RANKED_SYMBOLS='0' is not valid; accepted: a whole number from 1 to 5000"
    ):
        Environment({"RANKED_SYMBOLS": "0"}).declared(services.values())


def test_the_command_writes_what_is_stale_and_its_check_names_it(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "ROOT", copy)
    call_command("schema", "--check")
    (copy / TYPESCRIPT).unlink()
    (copy / STORED).write_text("<<<<<<< ours")
    with pytest.raises(CommandError, match=rf"not current: {STORED}, {TYPESCRIPT}. .*make schema"):
        call_command("schema", "--check")
    said = StringIO()
    call_command("schema", stdout=said)
    assert said.getvalue() == f"written: {STORED}\nwritten: {TYPESCRIPT}\n"
    call_command("schema", "--check")


def test_the_check_names_two_kinds_of_feed_that_claim_one_name(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Second(StatusSource):
        kind = "second"

    monkeypatch.setattr(command, "ROOT", copy)
    monkeypatch.setattr(registry, "KINDS", (*registry.KINDS, Second))
    with pytest.raises(CommandError, match=r"Second claims the feed 'status', and .*StatusSource claims"):
        call_command("schema", "--check")


def test_the_feeds_of_a_symbol_come_to_the_browser_and_the_page(copy: Path) -> None:
    browser, page = (copy / TYPESCRIPT).read_text(), (copy / METRICS_PAGE).read_text()
    for feed in ("quote:{symbol}", "daily_range:{symbol}", "halts:{symbol}", "trades:{symbol}"):
        assert f'  | "{feed}"' in browser
        assert f"| `{feed}` |" in page
    assert '  "trade_price": {' in browser
    assert "| `trade_size` | Size | shares | size of the trade with its fraction" in page


@pytest.mark.parametrize(
    ("spoil", "by", "said"),
    [
        (
            "schema: quotes",
            "schema: quota",
            "quota --> names no owner of columns; there are leaderboard",
        ),
        ("schema: boards", "schema: trades", "no mark <!-- schema: boards -->"),
    ],
)
def test_a_page_with_wrong_marks_is_refused_and_nothing_is_written(
    copy: Path, spoil: str, by: str, said: str
) -> None:
    page = (copy / METRICS_PAGE).read_text().replace(f"<!-- {spoil} -->", f"<!-- {by} -->")
    (copy / METRICS_PAGE).write_text(page)
    (copy / STORED).write_text("")
    with pytest.raises(SchemaError, match=said):
        write_files(copy)
    assert (copy / STORED).read_text() == ""
