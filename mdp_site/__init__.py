"""Composition root: settings, login, entry points and the supervisor. Nobody imports it."""
