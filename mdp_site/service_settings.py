"""The declared settings of all services, and those of the web processes.

A new setting is one field in one of these structs. Its environment variable, its lines in
`deploy/environment.example` and its row in `docs/architecture.md` follow from the declaration.
"""

from collections.abc import Mapping
from typing import Final

from marketdata.listener.wanted import SERVICE as LISTENER
from marketdata.listener.wanted import ListenerWanted
from marketdata.runtime.settings import LogLevelSetting, ServiceSettings
from scanners.settings import PROCESSOR, SCANNER, ProcessorSettings, ScannerSettings

WEB: Final = "web"


class WebSettings(ServiceSettings, frozen=True, kw_only=True):
    """Settings of the web processes. Every web process applies the same values."""

    log_level: LogLevelSetting = "INFO"


SERVICES: Final[Mapping[str, type[ServiceSettings]]] = {
    LISTENER: ListenerWanted,
    PROCESSOR: ProcessorSettings,
    SCANNER: ScannerSettings,
    WEB: WebSettings,
}
"""The settings of each service, by its name."""
