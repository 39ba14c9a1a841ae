"""`python -m marketdata.trading_calendar FIRST LAST`: the exchange's sessions between two dates, as JSON.

For `exchange.read_by_child`, which needs the package that is installed now and not the one imported earlier.
"""

import datetime as dt
import sys

import msgspec

from marketdata.trading_calendar.exchange import exchange_sessions

first, last = (dt.date.fromisoformat(text) for text in sys.argv[1:3])
sys.stdout.buffer.write(msgspec.json.encode(exchange_sessions(first, last)))
