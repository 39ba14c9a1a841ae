"""The composition root: settings, accounts, and entry points. No other package imports it."""
