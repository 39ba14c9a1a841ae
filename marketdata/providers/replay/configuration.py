"""The settings of a replay: which recordings, how fast, and whether to begin again."""

from pathlib import Path
from typing import Final

import msgspec

from marketdata.errors import ConfigurationError
from marketdata.feeds import ConnectionTarget
from marketdata.providers.base import MARKETS, ONLY_STOCKS
from marketdata.providers.plugin import SettingsReader
from marketdata.recording.writer import SUFFIX

EVERYTHING: Final = "*"
_MAX: Final = "max"
_REAL_TIME: Final = "1"


class ReplaySettings(msgspec.Struct, frozen=True, kw_only=True):
    """The `REPLAY_*` settings.

    `files`: a path, or several separated by commas. A directory stands for all recordings in it.
    `speed`: how many recorded seconds pass in a real one; None is as fast as the platform takes them.
    `loop`: whether to begin again at the end.
    """

    files: str = ""
    speed: float | None = 1.0
    loop: bool = False


def read_settings(environment: SettingsReader) -> ReplaySettings:
    """The settings in `REPLAY_FILES`, `REPLAY_SPEED` and `REPLAY_LOOP`.

    Raises:
        ConfigurationError: a value is wrong; the message names its setting and what is accepted.
    """
    return ReplaySettings(
        files=environment.text("REPLAY_FILES"),
        speed=_speed(environment.text("REPLAY_SPEED", _REAL_TIME)),
        loop=environment.boolean("REPLAY_LOOP", default=False),
    )


def target_of(settings: ReplaySettings) -> ConnectionTarget:
    """The target for everything that the files contain."""
    return ConnectionTarget(feed=settings.files, market=MARKETS[0], subscriptions=(EVERYTHING,))


def check_target(target: ConnectionTarget) -> None:
    """Check the target of a replay. The files are not opened, so they may still be unreadable.

    Raises:
        ConfigurationError: a value is wrong; the message names its setting and what is accepted.
    """
    if target.market not in MARKETS:
        raise ConfigurationError(
            f"the market of a replay is {target.market!r}; accepted: {', '.join(MARKETS)} ({ONLY_STOCKS})"
        )
    if target.subscriptions != (EVERYTHING,):
        raise ConfigurationError(
            f"the subscriptions of a replay are {','.join(target.subscriptions)!r}; accepted: {EVERYTHING}, "
            "which is all that was recorded"
        )
    if not target.feed.strip():
        raise ConfigurationError(
            f"REPLAY_FILES is empty; accepted: paths of {SUFFIX} files or of directories"
        )


def recordings_of(target: ConnectionTarget) -> list[Path]:
    """The files that a target names, sorted by name, which is by age."""
    paths = [Path(entry.strip()) for entry in target.feed.split(",") if entry.strip()]
    return [
        file for path in paths for file in (sorted(path.glob(f"*{SUFFIX}*")) if path.is_dir() else [path])
    ]


def _speed(text: str) -> float | None:
    if text == _MAX:
        return None
    try:
        return float(text)
    except ValueError as error:
        raise ConfigurationError(
            f"REPLAY_SPEED is {text!r}; accepted: {_MAX}, or a number such as 10"
        ) from error
