"""The settings that web processes take over while they run."""

from marketdata.runtime.settings import LogLevelSetting, ServiceSettings

WEB = "web"


class WebSettings(ServiceSettings, frozen=True, kw_only=True):
    """Of every web process."""

    log_level: LogLevelSetting = "INFO"
