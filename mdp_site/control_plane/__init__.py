"""The control plane: what operators want of each service, who changed it, and what became of it.

`changes` is the one way to change settings; page, API and terminal use it. Each change is a revision in the
database. `delivery` brings the newest revision to the cache, where the processes follow it. `audit` keeps a
record that only grows.
"""
