"""A synthetic US stock market behind the provider's own WebSocket and REST protocol.

Nothing here is market data of anybody: every name, price and volume is drawn from a seed.

The market: `universe.py` (who is listed), `splits.py`, `daily.py` (one bar per symbol and date, the same
whenever asked), `intraday.py` (price and volume at any instant of a day), `halts.py` and
`price_band_events.py`, `activity.py` (how much is sent, and for whom), `market.py` (its events step by
step) with `state.py` (what was traded so far), `prints.py` (trade and quote details), `prebuilt.py` (frames
at rate), `wire.py` and `condition_codes.py` (how the provider spells all this).

The protocol: `protocol.py` (one connection's conversation, no I/O), `connection.py` (its bounded outbox),
`feed.py` (WebSocket endpoint and fan-out), `rest.py` and `rest_answers.py` with `reference_rest.py`,
`bars_rest.py` and `snapshot_rest.py`, `faults.py` (what goes wrong on demand), `server.py` (one port for
both), `pacing.py` and `service.py` (the whole).

Days worth seeing: `scenarios.py`, with `casting.py` (what happens to whom), `price_moves.py` and
`surges.py`. What is odd in some of them: `defects.py` (kinds of odd events), `spoilt_events.py` and
`hostile_events.py` (how they are made), `injection.py` (when they come); `odd_answers.py` (kinds of odd
REST answers, and when they come), `odd_rows.py` and `odd_responses.py` (how they are made).
"""
