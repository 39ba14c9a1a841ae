"""The newest trades of every row of a market table, in rings of a thousand.

`tapes` puts trades on them. Each of the others owns one side of a tape: `rings` the records by position,
`summary` the figures that follow from them, `storing` which of them the cache does not have yet. `order`
says which of two trades is the older one. `memory` is where the records lie.
"""

from scanners.tape.storing import PORTION_BYTES
from scanners.tape.summary import SUMMARY_COLUMNS
from scanners.tape.tapes import Tapes

__all__ = ["PORTION_BYTES", "SUMMARY_COLUMNS", "Tapes"]
