"""Massive's REST service: reference data and the market's status.

`source` has the endpoints. `asking` sends requests, with `bounded_http`. `envelope`, `wire` and `row_fields`
read the answers, `pages` reads listings page by page, `market_status` reads the market's status.
`provider_clock` checks the provider's time.
"""
