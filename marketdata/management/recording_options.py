"""The options of all commands that record."""

import argparse
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from marketdata.feeds import ConnectionTarget
from marketdata.providers.registry import wire_format
from marketdata.recording.format import Metadata
from marketdata.recording.recorder import DEFAULT_ROTATE_BYTES, RecorderConfig

_SIZE: Final = re.compile(r"(\d+)\s*([KMGT]?)B?", re.IGNORECASE)
_SIZE_UNITS: Final = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
_DEFAULT_SIMULATOR_SYMBOLS: Final = 11_000


def add_recording_options(parser: argparse.ArgumentParser) -> None:
    """Add the options for when a new file begins, and for the recording of a simulator."""
    parser.add_argument(
        "--rotate-size",
        type=parse_size,
        default=DEFAULT_ROTATE_BYTES,
        metavar="SIZE",
        help="begin a new recording at this size, such as 512MB (default)",
    )
    parser.add_argument(
        "--rotate-daily",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="begin a new recording at 04:00 New York, when a trading day starts (default)",
    )
    parser.add_argument(
        "--simulator-seed",
        type=int,
        help="seed of a recorded simulator, so that a replay can answer for its reference data",
    )
    parser.add_argument(
        "--simulator-symbols",
        type=int,
        default=_DEFAULT_SIMULATOR_SYMBOLS,
        help="its number of symbols (default: %(default)s)",
    )


def recorder_config(
    directory: Path, target: ConnectionTarget, options: Mapping[str, Any], *, format_name: str
) -> RecorderConfig:
    """The configuration of a recorder: from the options, for this target.

    `format_name`: the name of the format of the frames.

    Raises:
        ConfigurationError: an option is out of range; the message names it.
    """
    seed = options["simulator_seed"]
    metadata = Metadata(
        format=format_name,
        feed=target.feed,
        market=target.market,
        subscriptions=target.subscriptions,
        simulator_seed=seed,
        simulator_symbols=None if seed is None else options["simulator_symbols"],
    )
    return RecorderConfig(
        directory=directory,
        metadata=metadata,
        frame_reader=wire_format(format_name),
        rotate_bytes=options["rotate_size"],
        rotate_daily=options["rotate_daily"],
    )


def parse_size(text: str) -> int:
    """Bytes of a text such as `512MB`, `2G` or `1048576`; units are powers of 1024.

    Raises:
        argparse.ArgumentTypeError: the text is not a size.
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a size such as 512MB, 2GB or 1048576")
    return int(match[1]) * _SIZE_UNITS[match[2].upper()]
