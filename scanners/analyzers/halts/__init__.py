"""Price bands and halts: `columns` declares them, `messages` reads the messages.

`analyzer` computes the columns, `entries` those of the stream.
"""

from scanners.analyzers.halts.analyzer import HaltsAnalyzer
from scanners.analyzers.halts.messages import EVENT_COLUMNS, EVENT_TIME

__all__ = ["EVENT_COLUMNS", "EVENT_TIME", "HaltsAnalyzer"]
