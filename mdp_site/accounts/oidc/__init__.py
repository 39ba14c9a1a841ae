"""Login through an OpenID Connect provider.

- `views`: the redirect to the provider, and the callback.
- `openid`: the requests to the provider, in bounded time. `tokens`: the check of the ID token.
- `claims`: makes one identity from the ID token and the user information.
- `addresses`, `policy`: who may log in.
- `groups`: turns the provider's groups into roles.
- `adapters`: passes the result to allauth, which stores accounts and sessions.
- `failures`, `pages`: the errors of a login, and their pages.

No claim, header or answer is trusted until one of these modules has checked it.
"""
