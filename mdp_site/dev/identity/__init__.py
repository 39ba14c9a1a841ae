"""An OpenID Connect provider in a process of its own, for the demo and the tests.

The site logs its users in through any OpenID Connect provider. A machine that has none runs this one:
allauth's provider with one client (the site) and one user (`demo`), a real authorization code flow with
PKCE. It is another Django with its own settings, database, cookies, secret and signing key, because
in production somebody else runs the provider, and nothing here may come to depend on sharing.
"""
