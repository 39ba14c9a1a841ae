"""Settings of a recorder with a connection of its own. Operators can change them while it runs."""

from typing import Final

from marketdata.runtime.role_settings import RoleSettings
from marketdata.runtime.settings import LogLevelSetting

RECORDER: Final = "recorder"


class RecorderSettings(RoleSettings, frozen=True, kw_only=True):
    """Settings of a recorder. At a pause it finishes its file and gives the connection up."""

    log_level: LogLevelSetting = "INFO"
