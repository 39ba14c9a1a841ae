"""Recordings: the frames of a provider's feed on disk, unchanged.

The file: `compression.py` (which zstd), `format.py` (header, blocks and index as bytes, no I/O),
`writer.py` (writes one file), `reader.py` (reads one file, also a damaged one), `selection.py` (a time range
of several files).

Recording: `directory.py` (whether the directory can be written), `recorder.py` (a thread that writes and
rotates files, so that the event loop never waits), `trading_days.py` (when a day ends), `settings.py` (what
operators can change).

Reading: `frames.py` (the interface of a format's frame reader), `json_frames.py` (the reader for JSON
formats), `clock.py` (the feed time of each frame), `pacing.py` (when a frame is due). `summary.py` counts
the contents of a file. `progress.py` shows the progress of long work.

The format is described in docs/recording.md.
"""
