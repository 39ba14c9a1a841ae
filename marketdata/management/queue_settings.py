"""The queues that the settings describe. A module of its own, since not every command needs their drivers."""

from django.conf import settings

from marketdata.clock import Clock
from marketdata.transport.base import Transport
from marketdata.transport.queues import QueueLimits
from marketdata.transport.registry import create_transport


def queues_by_settings(clock: Clock) -> Transport:
    """The transport to the queues; nothing is connected yet.

    Raises:
        ConfigurationError: a setting is wrong; the message names it.
    """
    return create_transport(
        settings.MDQ_URL,
        prefix=settings.MDQ_PREFIX,
        shard_count=settings.MDQ_SHARDS,
        limits=QueueLimits(ttl_ms=settings.MARKET_DATA_MESSAGE_TTL, max_batches=settings.MDQ_MAX_BATCHES),
        clock=clock,
        publisher_confirms=settings.MDQ_PUBLISHER_CONFIRMS,
    )
