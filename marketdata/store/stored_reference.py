"""All that is stored of reference data, as far as it can be read."""

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
    """What is stored; nothing in place of what cannot be read, as after an update: then it is loaded anew.

    Raises:
        StoreUnavailable: the cache is away.
    """
    return Stored(
        block=await readable(reader.reference()),
        parts=await readable(reader.reference_parts()),
        tickers=await readable(reader.tickers()),
        volume_curve=await readable(reader.volume_curve()),
    )


async def readable(reading: Awaitable[T | None]) -> T | None:
    """What is read, or None for foreign bytes, which are counted.

    Raises:
        StoreUnavailable: the cache is away.
    """
    try:
        return await reading
    except ContentError as error:
        metrics.STORE_MALFORMED.labels(error.reason).inc()
        log.warning("stored reference data cannot be read", error=str(error))
        return None
