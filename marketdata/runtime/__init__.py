"""What long-running processes share, whatever they do.

Start and stop: `service`, `service_command`, `runner`, `workers`, `processes`, `identity`. Roles that one
process holds: `leadership`. Settings that change while a process runs: `settings` declares, `steering`
follows, `live_settings` hands over. Waiting: `backoff`, `cancellation`. The calendar: `calendar_renewal`.
"""
