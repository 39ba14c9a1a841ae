"""The control plane: changes the wanted state of services, and waits until it takes effect.

`listener` steers the listener. `settings` steers every service that declares `ServiceSettings`.

It also shows the installation. `overview_reading` reads the records of all processes, and `overview` makes
`views` of them; `stages` and `queue_books` are the sums among these, and
`set_aside` what was not understood. `verdict` judges an overview by the
rules in `rules_of_processes`, `rules_of_data` and `rules_of_jobs`, which return `findings`. `tables` is the
text of both, and `document` has both for readers that share them.
"""

from marketdata.control.listener import Effect, ListenerControl, judge
from marketdata.control.settings import ChangedMeanwhile, SettingsControl

__all__ = ["ChangedMeanwhile", "Effect", "ListenerControl", "SettingsControl", "judge"]
