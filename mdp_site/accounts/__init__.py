"""Accounts: the users of the platform, how they log in, and what they may do.

- `models`: users and API tokens.
- `roles`: which role has which rights. No other module states rights.
- `guards`: the decorator of pages that need a right.
- `entrance`: who may open a WebSocket, with a session or a token. `logins`: whether a login is still valid.
- `sessions`: the list of sessions, and what happens when a session ends.
- `oidc`: login through an OpenID Connect provider. `local_passwords`: login of staff with a local password.
- `token_pages`, `urls`, `admin`: the pages.
- `journal`: a log entry for each login, logout and refusal.
- `checks`: refuses a database of an earlier release.

No other part of the site stores passwords, tokens or sessions.
"""
