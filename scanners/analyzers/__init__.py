"""Analyzers: pure functions from events to columns of the market table."""
