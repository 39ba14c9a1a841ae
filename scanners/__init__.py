"""Scanners: they turn market events into columns per symbol, ranked boards and alerts."""
