"""Settings of the Massive provider, as a test needs them."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from msgspec import structs

from marketdata.providers.massive.settings import MassiveSettings


def rest_settings(rest_url: str, api_key: str) -> MassiveSettings:
    """Those that its REST service takes."""
    return MassiveSettings(rest_url=rest_url, api_key=api_key)


def changed_settings(changes: Mapping[str, Any]) -> MassiveSettings:
    """Those of this process but for the changes."""
    of_process: MassiveSettings = settings.PROVIDER_SETTINGS
    return structs.replace(of_process, **changes)
