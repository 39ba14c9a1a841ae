"""Login through an OpenID Connect provider: from the provider's answers to a user of the site.

`openid` speaks with the provider, in bounded time; `tokens` checks the ID token; `claims` makes one identity
of what was said; `addresses` and `policy` decide who may enter; `groups` turns the provider's groups into
roles; `adapters` hands the result to allauth, which keeps accounts and sessions; `views` is the way there and
back, `pages` and `failures` say why it came to nothing.
No claim, header or answer has a shape until one of these modules has checked it.
"""
