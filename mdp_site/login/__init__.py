"""Login through an OpenID Connect provider: from the provider's answers to a user of the site.

`openid` speaks with the provider, in bounded time; `tokens` checks the ID token; `claims` makes one identity
of what was said; `addresses` and `policy` decide who may enter; `roles` says what staff may do; `adapters`
hands the result to allauth, which keeps accounts and sessions; `views` and `urls` are the pages;
`journal` writes down who came, who went and who was refused.
No claim, header or answer has a shape until one of these modules has checked it.
"""
