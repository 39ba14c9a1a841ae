"""What operators can do to the platform: one way for page, API and terminal.

`declared` says what an action is; `registry` has all of them. `of_settings` are those that are a revision of
a service's settings. `of_market` are those that processors and scanners carry out once, `of_clients` those of
web processes, `of_accounts` those that the database does. The jobs add theirs (`mdp_site.jobs.actions`).
`in_words` has the numbers of their impacts.

`running` checks an action, states its impact, and runs it; each run is a row of `ActionRun`, which the
delivery of revisions follows.
"""
