"""`make demo`: the whole platform on one machine under one supervisor. It needs no provider key.

`environment` chooses ports, secrets and settings. `plan` lists the processes. `supervisor` starts them in
order, shows when each is ready (`readiness`), and stops them all. `listener_start` starts a listener that an
operator stopped in an earlier run.
"""
