"""Price bands and halts: `columns` declares them, `analyzer` computes them."""

from scanners.analyzers.halts.analyzer import EVENT_COLUMNS, HaltsAnalyzer, event_times_ms

__all__ = ["EVENT_COLUMNS", "HaltsAnalyzer", "event_times_ms"]
