"""The control plane's part that knows no database: wanted settings as records, and what became of them.

`given` reads, changes and encodes the settings that operators gave. `effects` says whether the processes of
a service apply them: those of `processes` report each for itself, and of the `listener` the one that leads
reports. `mdp_site.control_plane` keeps their revisions in the database.

`arguments` are what an action of operators takes, and `instructed` judges what processes answered to one.

It also shows the installation. `overview_reading` reads the records of all processes, and `overview` makes
`views` of them; `stages` and `queue_books` are the sums among these, `client_views` the clients, and
`set_aside` what was not understood. `connection_search` finds the connections of a user in all processes.
`history` makes small samples of documents, and `history_keeping` keeps those of the last 15 minutes.
`verdict` judges an overview by the rules in `rules_of_absence`, `rules_of_data`, `rules_of_jobs` and
`rules_of_processes`, which return `findings`. `tables` is
the text of both, and `document` has both for readers that share them. `health_summary` sums up a day.
"""

from marketdata.control.effects import Effect, Followers, Report, RevisionOutcome, effect_within
from marketdata.control.given import Given, InvalidSettings, changed, encode_given, read_given, settings_with
from marketdata.control.listener import ListenerFollowers
from marketdata.control.processes import ProcessFollowers

__all__ = [
    "Effect",
    "Followers",
    "Given",
    "InvalidSettings",
    "ListenerFollowers",
    "ProcessFollowers",
    "Report",
    "RevisionOutcome",
    "changed",
    "effect_within",
    "encode_given",
    "read_given",
    "settings_with",
]
