"""The newest 1,000 trades of each row of a market table, in ring buffers.

`tapes` adds trades, and knows which records the cache does not have yet. `rings` keeps the records by
position, in the memory of `memory`. `summary` keeps sums over the records. `order` is the sort order of
trades.
"""

from scanners.tape.summary import SUMMARY_COLUMNS
from scanners.tape.tapes import PORTION_BYTES, Tapes

__all__ = ["PORTION_BYTES", "SUMMARY_COLUMNS", "Tapes"]
