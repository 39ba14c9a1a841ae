"""Slow-changing facts by REST: previous session, average volume, float.

`rest` asks the provider, `wire` reads its answers, `assembly` makes one row block of them, and `loader`
knows what to ask for.
"""
