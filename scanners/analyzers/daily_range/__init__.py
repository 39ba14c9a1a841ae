"""The range of the day: `columns` declares it and its alerts, `analyzer` computes them."""

from scanners.analyzers.daily_range.analyzer import DailyRangeAnalyzer

__all__ = ["DailyRangeAnalyzer"]
