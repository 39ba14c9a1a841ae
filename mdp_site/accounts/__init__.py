"""Accounts: who uses the platform, how they come in, and what they may do.

`models`: users and API tokens. `roles`: who may do what, stated once. `guards`: pages that ask for a right.
`entrance`: who may open a WebSocket, by session or by token; `logins`: whether that login still holds.
`sessions`: the list of sessions, and what happens when one ends. `oidc`: login through an OpenID Connect
provider; `local_passwords`: login of staff without one. `token_pages`, `urls`, `admin`: the pages.
`journal`: a line of the log for each login, logout and refusal.
`checks`: refuses a database of an earlier release.

Nothing else of the site keeps passwords, tokens or sessions. This room imports nothing of the site but
`addresses` and `origins`.
"""
