"""The control plane's side: says what is wanted of services, and waits to see it happen.

`listener` steers the listener, `settings` any service whose settings are declared in the common way.
"""

from marketdata.control.listener import Effect, ListenerControl, judge
from marketdata.control.settings import ChangedMeanwhile, SettingsControl

__all__ = ["ChangedMeanwhile", "Effect", "ListenerControl", "SettingsControl", "judge"]
