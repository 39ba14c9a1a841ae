"""`make demo`: the whole platform on one machine under one supervisor, without any key.

`environment` decides ports, secrets and settings. `plan` says which processes run. `supervisor` starts them
in order, shows when each is ready (`readiness`), and stops them all.
"""
