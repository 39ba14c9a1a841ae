"""The market and the platform over HTTP for programs: `/api/v1/`.

A request passes through these modules:
- `middleware` answers HEAD, compresses, and turns every error below `/api/` into `problems`.
- `access` finds who asks (`held_logins`), what they may do, and how often (`rate_limits`). `forgeries` are
  changes by session that another site may have caused.
- `market`, `day_lists` and `definitions` have the operations that read the market, and `control` those about
  the platform itself. `operations` is their frame, and `parameters` has what they share.
- `answers` has the members of all answers. `replies` encodes an answer with its position and its ETag, and
  `tables` its rows as JSON or CSV. `paging` has the cursors.
- `assembly` puts the operations together, `document` makes the OpenAPI document with its `examples`, and
  `docs_page` shows it. `urls` has the addresses.

`services` are the parts of the web process that the operations use. `mdp_site.composition` puts them into the
scope of each request. `models` has the table of this application (`apps`).
"""
