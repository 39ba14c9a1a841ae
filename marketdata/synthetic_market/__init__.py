"""A synthetic US stock market, in the platform's own words: no provider's spelling, no I/O.

Who is listed: `universe.py`, `splits.py`. Prices: `daily.py` (one bar per symbol and date, the same whenever
asked), `intraday.py` (price and volume at any instant of a day), `price_moves.py`. Trading: `halts.py` and
`price_band_events.py`, `activity.py` (how much happens, and to whom), `prints.py` (details of trades and
quotes), `state.py` (what was traded so far). `market.py` yields the events of each step, as `blocks.py`.

Days worth seeing: `scenarios.py`, with `casting.py` (what happens to whom), `surges.py` (rates) and
`defects.py` (kinds of odd input, and when each is due).
"""
