"""Reads all stored reference data, without the parts that cannot be decoded."""

from collections.abc import Awaitable
from typing import TypeVar

from marketdata.errors import ContentError
from marketdata.observability import metrics
from marketdata.observability.logs import get_logger
from marketdata.reference.keeping import Stored
from marketdata.store.snapshots import SnapshotReader

T = TypeVar("T")

log = get_logger(__name__)


async def stored_reference(reader: SnapshotReader) -> Stored:
    """The stored reference data. A part that cannot be decoded, as after an update, is None and is loaded
    again.

    Raises:
        StoreUnavailable: the cache is away.
    """
    return Stored(
        block=await read_or_none(reader.reference()),
        parts=await read_or_none(reader.reference_parts()),
        tickers=await read_or_none(reader.tickers()),
        volume_curve=await read_or_none(reader.volume_curve()),
    )


async def read_or_none(reading: Awaitable[T | None]) -> T | None:
    """The value that `reading` gives; None for bytes that cannot be decoded, which are counted and logged.

    Raises:
        StoreUnavailable: the cache is away.
    """
    try:
        return await reading
    except ContentError as error:
        metrics.STORE_MALFORMED.labels(error.reason).inc()
        log.warning("stored reference data cannot be read", error=str(error))
        return None
