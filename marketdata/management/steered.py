"""What a command needs so that operators can steer its process, as the settings describe it."""

from django.conf import settings

from marketdata.clock import SystemClock
from marketdata.runtime.identity import process_identity
from marketdata.runtime.live_settings import LiveSettings
from marketdata.runtime.settings import S, own_settings
from marketdata.store.connection import connect
from marketdata.store.keys import Keys
from marketdata.store.service_records import InstanceRecords


def live_settings(kind: type[S]) -> LiveSettings[S]:
    """The settings of this process: the environment's, until it applies what operators want."""
    own = own_settings(kind, settings.DECLARED_SETTINGS)
    return LiveSettings(own, source=process_identity(), clock=SystemClock())


def instance_records(service: str) -> InstanceRecords:
    """The records of this process, one of those of a service. Nothing is connected yet.

    Raises:
        ConfigurationError: the address of the cache is wrong.
    """
    redis, keys = connect(settings.MDC_URL), Keys(settings.MDC_KEY_PREFIX)
    return InstanceRecords(redis, keys, service, process_identity())
