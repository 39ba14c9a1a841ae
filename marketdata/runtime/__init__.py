"""The common parts of long-running processes.

Start and stop: `service`, `runner`, `workers`, `processes`, `identity`, `version`. Memory:
`garbage_collection`. What a process reports of itself: `report` is the content, `books` its sums,
`connection_report` its connections, and `reporting` stores it. Roles that one process holds:
`leadership`. Settings of services: `settings` declares them, `settings_export` writes what the documents say
about them, `steering` follows the wanted values, `live_settings` applies them. `role_settings` declares those
with which operators run, pause and restart processes; `working` and `restart` do it. `instructions` are what
operators ask of processes once, and `asked` takes them to a task that works in turns. Waiting: `backoff`,
`average_pace`, `cancellation`. The trading calendar: `calendar_renewal`.
"""
