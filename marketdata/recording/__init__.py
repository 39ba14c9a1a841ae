"""The feed on disk, recorded as it came.

The file: `compression.py` (which zstd), `format.py` (header, blocks and index as bytes, no I/O),
`writer.py` (one file), `reader.py` (one file, damaged or not), `selection.py` (which part of some files).

Recording: `directory.py` (whether it can be), `recorder.py` (a thread that writes, rotates and never holds
anybody up), `trading_days.py` (when a day ends).

Reading: `frames.py` (what must be known of a frame: each format has a reader for it), `json_frames.py` (the
same for formats of JSON), `clock.py` (what time it was at the feed), `pacing.py` (when a frame is due).
`summary.py` says what is in a file, and `progress.py` how far some long work has come.

The format is described in docs/recording.md.
"""
