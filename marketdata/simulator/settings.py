"""Settings of the simulator. Operators can change them while it runs."""

from typing import Annotated, Final

from marketdata.runtime.role_settings import RoleSettings
from marketdata.runtime.settings import LogLevelSetting, setting

SIMULATOR: Final = "simulator"


class SimulatorSettings(RoleSettings, frozen=True, kw_only=True):
    """Settings of a simulator. While it is paused, its market stands still, and its clients stay connected.

    A market is drawn at its start, so scenario, seed and number of symbols are options of the command.
    """

    rate_factor: Annotated[
        float,
        setting(
            "By how much the simulated market is busier than --profile or --rate says. With 0 it sends no "
            "trade, no quote and no second aggregate.",
            variable=None,
            minimum=0,
            maximum=20,
        ),
    ] = 1.0
    log_level: LogLevelSetting = "INFO"
