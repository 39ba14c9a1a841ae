"""The oracle, a plain implementation of docs/metrics.md, and the suite that holds the platform to it.

`market.py` and the modules it gathers, one for each section of that page, are the oracle: plain dictionaries,
every event kept, every number computed from all of them when it is asked for. They are written from the page
alone and know nothing of the platform. The other modules make whole days of events, drive the platform with
them, and compare.
"""
