"""Massive's REST service: reference data and the market's status.

`source` has the endpoints. `asking` sends requests, over `bounded_http`. `envelope`, `wire` and `row_fields`
read the answers, `pages` listings to their end, `market_status` what the market does. `provider_clock` bounds
its time.
"""
