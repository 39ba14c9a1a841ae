"""A synthetic US stock market behind the provider's own WebSocket and REST protocol.

Nothing here is market data of anybody: every name, price and volume is drawn from a seed.

The market: `universe.py` (who is listed), `daily.py` (one bar per symbol and date, the same whenever
asked), `intraday.py` (price and volume at any instant of a day), `halts.py`, `activity.py` (how much is
sent, and for whom), `market.py` (the state, and its events step by step), `prints.py` (trade and quote
details), `wire.py` (events as the provider spells them).

The protocol: `protocol.py` (one connection's conversation, no I/O), `connection.py` (its bounded outbox),
`feed.py` (WebSocket endpoint and fan-out), `rest.py` with `reference_rest.py`, `bars_rest.py` and
`snapshot_rest.py`, `faults.py` (what goes wrong on demand), `pacing.py` and `service.py` (the whole).

What is odd about it in some scenarios: `defects.py` (kinds of odd events), `spoilt_events.py` and
`hostile_events.py` (how they are made), `injection.py` (when they come); `odd_answers.py` (kinds of odd REST
answers, and when they come), `odd_rows.py` and `odd_responses.py` (how they are made).
"""
