"""The feed on disk: recorded as it came, and served again through the provider's own protocol.

The file: `compression.py` (which zstd), `format.py` (header, blocks and index as bytes, no I/O),
`writer.py` (one file), `reader.py` (one file, damaged or not), `selection.py` (which part of some files).

Recording: `directory.py` (whether it can be), `recorder.py` (a thread that writes, rotates and never holds
anybody up), `trading_days.py` (when a day ends), `service.py` (a recorder with a connection of its own).

Replay: `wire_events.py` (what a frame holds), `fan_out.py` (who gets what of it), `pacing.py` (when),
`rest.py` (the REST calls) and `replay.py` (the whole as a service). `summary.py` says what is in a file, and
`progress.py` how far some long work has come.

The format is described in docs/recording.md.
"""
