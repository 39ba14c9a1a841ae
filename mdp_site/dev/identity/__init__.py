"""An OpenID Connect provider for the demo and the tests, in a process of its own.

The site logs its users in through any OpenID Connect provider. A developer's machine usually has none, so it
runs this one: allauth's provider with one client (the site) and one user (`demo`), and with the real
authorization code flow with PKCE. It is a separate Django site with its own settings, database, cookies,
secret and signing key. In production another party runs the provider, so the site must share nothing with it.
"""
