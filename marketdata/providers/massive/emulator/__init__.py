"""Massive's WebSocket and REST protocol, served; `servers.py` is the entrance.

The spelling: `wire.py` (events as objects), `spelling.py` (from the market's columns to these), `codes.py`,
`prebuilt.py` (frames at rate). The conversation: `protocol.py` (one connection, no I/O), `connection.py` (its
bounded outbox), `feed.py` (WebSocket endpoint and fan-out), `fan_out.py` (a recorded frame's part for each
client), `faults.py` (what goes wrong on demand).
REST: `rest.py` and `rest_answers.py` with `reference_rest.py`, `bars_rest.py` and `snapshot_rest.py`;
`replay_rest.py` for a recording.

What is odd in some scenarios: `recipes.py`, `spoilt_events.py` and `hostile_events.py` (how odd events are
made), `injection.py` (among which good ones they go out); `odd_answers.py` (kinds of odd REST answers, and
when they come), `odd_rows.py` and `odd_responses.py` (how they are made).
"""
