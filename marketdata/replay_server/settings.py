"""Settings of the replay. Operators can change them while it runs."""

from typing import Final

from marketdata.runtime.role_settings import RoleSettings
from marketdata.runtime.settings import LogLevelSetting

REPLAY: Final = "replay"


class ReplayRoleSettings(RoleSettings, frozen=True, kw_only=True):
    """Settings of a replay. After a pause it goes on where it was; a restart plays from the begin."""

    log_level: LogLevelSetting = "INFO"
