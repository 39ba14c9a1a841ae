"""A synthetic US stock market, in the platform's own terms: without a provider's format and without I/O.

Listed symbols: `universe.py`, `splits.py`. Prices: `daily.py` (one bar per symbol and date, always the same),
`intraday.py` (price and volume at any instant of a day), `price_moves.py`. Trading: `halts.py` and
`price_band_events.py`, `activity.py` (how many events there are, and of which symbols), `prints.py` (details
of trades and quotes), `state.py` (the day's trading so far). `market.py` yields the events of each step as
the blocks of `blocks.py`.

Special days: `scenarios.py`, with `casting.py` (the symbols of a scenario), `surges.py` (rates) and
`defects.py` (kinds of bad input, and when each is due).
"""
