"""Sources of market data, a folder for each; docs/provider.md says how to add one.

What one is: `base.py` (the feed), `plugin.py` (all that a provider gives), `wire_format.py` (how it writes
its events). Which there are: `registry.py`, by name. To build on: `buffered.py`, `frame_buffer.py`.
`marketdata/chosen_provider.py` knows the one that the settings choose.
"""
