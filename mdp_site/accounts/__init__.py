"""Accounts: the users of the platform, how they log in, and what they may do.

- `models`: users and API tokens.
- `roles`: which role has which rights. No other module states rights.
- `guards`: the decorator of pages that need a right.
- `entrance`: who may open a WebSocket, with a session, a token, or the token of a page (`page_tokens`).
- `login_service`: follows the logins of all open connections of a process. Its parts: `handshakes`
  (handshakes in batches), `logins` (who is connected), `notices` (between processes), `database_thread`.
- `standings`: what the database says about many logins at once (`among`: in one parameter).
- `scopes`: what an API token may read.
- `sessions`: the list of sessions, and the notices when a login changes.
- `endings`: ends the sessions and tokens of a user.
- `oidc`: login through an OpenID Connect provider. `local_passwords`: login of staff with a local password.
- `token_pages`, `session_pages`, `urls`, `admin`: the pages.
- `journal`: log entries for logins, logouts, refusals, tokens and ended sessions.
- `account_changes`: the signal that an account has changed.
- `checks`: refuses a database of an earlier release.

No other part of the site stores passwords, tokens or sessions.
"""
