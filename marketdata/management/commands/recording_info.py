"""`manage.py recording_info`: shows the content of recordings, and their damage."""

import datetime as dt
import sys
from pathlib import Path
from typing import Any

import msgspec
from django.core.management.base import BaseCommand, CommandError, CommandParser

from marketdata.errors import ContentError
from marketdata.providers.registry import recorded_format
from marketdata.recording.progress import progress_bar
from marketdata.recording.reader import RecordingReader
from marketdata.recording.summary import Summary, summarize
from marketdata.recording.trading_days import new_york_time
from marketdata.units import NS_PER_SECOND


class Command(BaseCommand):
    help = (
        "Read recordings completely and show their content: times, frames, events by type, size and damage. "
        "Exit code 1 if a file is damaged or not a recording."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
        parser.add_argument("--json", action="store_true", help="one JSON object a line instead of text")

    def handle(self, *_args: Any, **options: Any) -> None:
        unsound = 0
        for path in options["files"]:
            try:
                summary = _read(path)
            except (OSError, ContentError) as error:
                self.stderr.write(f"{path}: {error}")
                unsound += 1
                continue
            unsound += bool(summary.damage)
            self.stdout.write(_as_json(path, summary) if options["json"] else _as_text(path, summary))
        if unsound:
            raise CommandError(f"{unsound} of {len(options['files'])} files are damaged or cannot be read")


def _read(path: Path) -> Summary:
    with (
        RecordingReader(path) as reader,
        progress_bar(path.name, reader.stored_bytes, unit="bytes", stream=sys.stderr) as progress,
    ):
        return summarize(reader, recorded_format(reader.metadata.format), progress)


def _as_json(path: Path, summary: Summary) -> str:
    return msgspec.json.encode({"path": str(path), **msgspec.to_builtins(summary)}).decode()


def _as_text(path: Path, summary: Summary) -> str:
    metadata = summary.metadata
    state = "finished" if summary.is_finished else "not finished: in progress, cut, or its recorder crashed"
    ratio = summary.frame_bytes / max(1, summary.file_bytes)
    market_times = f"{_new_york(summary.first_market_time_ms)} to {_new_york(summary.last_market_time_ms)}"
    lines = [
        f"{path}: {state}",
        f"  feed           {metadata.feed} ({metadata.market}): {' '.join(metadata.subscriptions)}",
        f"  received       {_utc(summary.first_ns)} to {_utc(summary.last_ns)} UTC",
        f"  market time    {market_times} New York",
        f"  frames         {summary.frames:,} in {summary.blocks:,} blocks",
        f"  size           {summary.file_bytes:,} bytes for {summary.frame_bytes:,} (1 : {ratio:.1f})",
    ]
    lines += [f"  events {name:<8} {count:,}" for name, count in summary.events.items()]
    if metadata.simulator_seed is not None:
        lines.append(f"  simulator      seed {metadata.simulator_seed}, {metadata.simulator_symbols} symbols")
    if summary.dropped_frames:
        lines.append(f"  not recorded   {summary.dropped_frames:,} frames: the disk was too slow or full")
    for damage in summary.damage:
        lost = "an unknown number of" if damage.lost_frames is None else f"{damage.lost_frames:,}"
        lines.append(
            f"  DAMAGE         {damage.reason} at byte {damage.offset:,}: {damage.lost_bytes:,} bytes, "
            f"{lost} frames lost"
        )
    return "\n".join(lines)


def _utc(time_ns: int) -> str:
    return f"{dt.datetime.fromtimestamp(time_ns / NS_PER_SECOND, tz=dt.UTC):%Y-%m-%d %H:%M:%S.%f}"


def _new_york(time_ms: int) -> str:
    return f"{new_york_time(time_ms):%Y-%m-%d %H:%M:%S}" if time_ms else "unknown"
