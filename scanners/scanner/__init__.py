"""The scanner of the whole market: rows of all shards in, ranked boards out.

`market.py` merges and ranks and does no I/O; `service.py` reads announcements and publishes boards.
"""

from scanners.scanner.market import MarketScanner
from scanners.scanner.service import Scanner

__all__ = ["MarketScanner", "Scanner"]
