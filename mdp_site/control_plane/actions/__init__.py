"""What operators can do to the platform: one way for page, API and terminal.

`declared` says what an action is; `registry` has all of them. `of_settings` are those that are a revision of
a service's settings, `of_processes` those that processes carry out once, `of_market` those of processors and
scanners. `running` checks an action, states
its impact, and runs it; each run is a row of `ActionRun`, which the delivery of revisions follows.
"""
