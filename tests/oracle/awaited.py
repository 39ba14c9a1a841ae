"""Columns that docs/metrics.md defines and the platform does not have yet. In the end there is none."""

from typing import Final

AWAITED: Final[frozenset[str]] = frozenset()
