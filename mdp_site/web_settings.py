"""Settings of the web processes that operators can change while the processes run."""

from marketdata.runtime.settings import LogLevelSetting, ServiceSettings

WEB = "web"


class WebSettings(ServiceSettings, frozen=True, kw_only=True):
    """Settings of the web processes. Every web process applies the same values."""

    log_level: LogLevelSetting = "INFO"
