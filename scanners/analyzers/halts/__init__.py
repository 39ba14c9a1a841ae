"""Price bands and halts: `columns` declares them, `analyzer` computes them."""

from scanners.analyzers.halts.analyzer import LINES, HaltsAnalyzer, event_times_ms

__all__ = ["LINES", "HaltsAnalyzer", "event_times_ms"]
