"""The half of the API that is about the platform itself: what it does, and what operators change.

- `installation` has the overview and its parts; `services` the settings, `histories` their revisions;
  `actions` what operators can do, `runs` what became of it; `audit` and `tokens` the lists of these.
- `answers` has the members of answers, `bodies` those of requests, and `examples` one of each.
- `steering` is what changes have in common: who acts, which revision was seen, how long to wait, and how a
  refusal is answered. `idempotency` answers a repeated request once. `refusals` writes refused attempts into
  the audit, a bounded number of them.
- `value_schemas` are the JSON schemas of settings and arguments. `pages` are the pages of lists.
"""
