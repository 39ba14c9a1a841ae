"""The reports of a process, as the settings describe its installation."""

from collections.abc import Mapping

from django.conf import settings

from marketdata.runtime.reporting import Reporting
from marketdata.store.connection import connect
from marketdata.store.keys import Keys
from marketdata.store.process_records import ProcessRecords


def reporting_by_settings(service: str, name: str) -> Reporting:
    """Reports a process of this kind and name in the cache of the settings. Nothing is connected yet.

    Raises:
        ConfigurationError: the address of the cache is wrong.
    """
    records = ProcessRecords(connect(settings.MDC_URL), Keys(settings.MDC_KEY_PREFIX))
    return Reporting(records, service=service, name=name, facts=installation_facts())


def installation_facts() -> Mapping[str, str]:
    """The settings that must be the same in every process, as texts. None of them is a secret."""
    hours = settings.MARKET_HOURS
    return {
        "number of shards": str(settings.MDQ_SHARDS),
        "prefix of the queues": settings.MDQ_PREFIX,
        "life of a batch": f"{settings.MARKET_DATA_MESSAGE_TTL} ms",
        "provider": settings.MARKET_DATA_PROVIDER,
        "start of the day": f"{hours.day_start:%H:%M} {hours.time_zone}",
        "market sessions": f"{hours.pre_market_start:%H:%M} to {hours.after_hours_end:%H:%M}",
    }
