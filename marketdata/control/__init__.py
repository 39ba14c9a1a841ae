"""The control plane: changes the wanted state of services, and waits until it takes effect.

`listener` steers the listener. `settings` steers every service that declares `ServiceSettings`.
"""

from marketdata.control.listener import Effect, ListenerControl, judge
from marketdata.control.settings import ChangedMeanwhile, SettingsControl

__all__ = ["ChangedMeanwhile", "Effect", "ListenerControl", "SettingsControl", "judge"]
