"""The scanner merges the rows of all shards and ranks the boards over the whole market.

`market.py` merges and ranks, without I/O. `service.py` reads announcements, counts what became of
them, and publishes boards. `resets.py` reads which boards operators want to begin anew.
"""

from scanners.scanner.market import MarketScanner
from scanners.scanner.service import Scanner

__all__ = ["MarketScanner", "Scanner"]
