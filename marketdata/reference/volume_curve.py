"""The volume curve: the share of a day's volume that is usually traded by each minute of the day."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from marketdata.errors import ContentError
from marketdata.trading_calendar import TradingDay
from marketdata.units import MS_PER_MINUTE

VOLUME_CURVE_VERSION: Final = 1


class MinuteVolumes(msgspec.Struct, frozen=True, eq=False):
    """Minute bars of one symbol: start of each (epoch ms, in any order) and volume in shares."""

    start_ms: NDArray[np.int64]
    volume: NDArray[np.float64]


class VolumeCurve(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """The cumulative share of a full trading day's volume by time of day.

    `shares[i]` is the share, 0 to 1, that is traded in the first `i` minutes after the day's start (04:00 New
    York). It begins with 0, never falls, and ends with 1 at the end of the after-hours session. It is the
    mean over `symbols`, for each of which it is the mean over `sessions` full sessions up to `last_date`. The
    curve does not apply to a day that closes early.
    """

    shares: NDArray[np.float64]
    symbols: tuple[str, ...]
    sessions: int
    last_date: dt.date

    def share_at(self, minute_of_day: ArrayLike) -> NDArray[np.float64]:
        """The share that is traded by these times of day, given in minutes since the day's start.

        Linear between minutes; 0 before the day's start, 1 after its end, NaN for NaN.
        """
        minutes = np.asarray(minute_of_day, dtype=np.float64)
        found: NDArray[np.float64] = np.interp(minutes, np.arange(len(self.shares)), self.shares)
        return found


class _StoredCurve(msgspec.Struct, array_like=True, frozen=True):
    version: int
    symbols: tuple[str, ...]
    sessions: int
    last_date: dt.date
    shares: bytes


_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(_StoredCurve)


def learn_volume_curve(
    volumes: Mapping[str, MinuteVolumes], days: Sequence[TradingDay]
) -> VolumeCurve | None:
    """The curve of some liquid symbols over some trading days, without days that close early.

    Each symbol and day has the same weight, whatever its volume: a day of news must not outweigh the others.
    None when nothing was traded on any full day.
    """
    full_days = [day for day in days if not day.is_early_close]
    curves = {symbol: curve for symbol, found in volumes.items() if (curve := _mean_curve(found, full_days))}
    if not curves:
        return None
    mean = _cumulative_mean([curve.shares for curve in curves.values()])
    return VolumeCurve(
        shares=mean,
        symbols=tuple(curves),
        sessions=min(curve.sessions for curve in curves.values()),
        last_date=max(day.date for day in full_days),
    )


def encode_volume_curve(curve: VolumeCurve) -> bytes:
    """The curve as bytes (msgpack header, little-endian float64)."""
    shares = curve.shares.astype("<f8").tobytes()
    return _encoder.encode(
        _StoredCurve(VOLUME_CURVE_VERSION, curve.symbols, curve.sessions, curve.last_date, shares)
    )


def decode_volume_curve(data: bytes) -> VolumeCurve:
    """The curve that `encode_volume_curve` wrote.

    Raises:
        ContentError: reason `volume_curve`; the bytes are not such a curve, or have another version.
    """
    try:
        stored = _decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise ContentError("volume_curve", str(error)) from error
    if stored.version != VOLUME_CURVE_VERSION:
        detail = f"version {stored.version}, this program reads {VOLUME_CURVE_VERSION}"
        raise ContentError("volume_curve", detail)
    if len(stored.shares) < 16 or len(stored.shares) % 8:
        raise ContentError("volume_curve", "its length is not that of a curve")
    shares = np.frombuffer(stored.shares, dtype="<f8")
    if not (shares[0] == 0 and shares[-1] == 1 and (np.diff(shares) >= 0).all()):
        raise ContentError("volume_curve", "does not rise from 0 to 1")
    return VolumeCurve(
        shares=shares, symbols=stored.symbols, sessions=stored.sessions, last_date=stored.last_date
    )


class _SymbolCurve(msgspec.Struct, frozen=True, eq=False):
    shares: NDArray[np.float64]
    sessions: int


def _mean_curve(volumes: MinuteVolumes, days: Iterable[TradingDay]) -> _SymbolCurve | None:
    curves = [curve for day in days if (curve := _day_curve(volumes, day)) is not None]
    return _SymbolCurve(_cumulative_mean(curves), len(curves)) if curves else None


def _day_curve(volumes: MinuteVolumes, day: TradingDay) -> NDArray[np.float64] | None:
    """One day's cumulative shares; None if nothing was traded on it."""
    minutes = (day.after_hours_end_ms - day.day_start_ms) // MS_PER_MINUTE
    minute = (volumes.start_ms - day.day_start_ms) // MS_PER_MINUTE
    inside = (minute >= 0) & (minute < minutes)
    traded = np.zeros(minutes)
    # A minute that is listed twice counts once, by its fuller bar.
    np.maximum.at(traded, minute[inside], volumes.volume[inside])
    total = traded.sum()
    if not total > 0:
        return None
    return np.concatenate(([0.0], np.cumsum(traded) / total))


def _cumulative_mean(curves: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """The mean of curves of full days, which have equal lengths. Its last value is exactly 1."""
    mean = np.maximum.accumulate(np.clip(np.mean(curves, axis=0), 0, 1))
    mean[-1] = 1.0
    mean.flags.writeable = False
    return mean
