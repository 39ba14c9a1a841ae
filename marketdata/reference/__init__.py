"""Slow-changing facts by REST: previous session, average volume, float.

What the provider knows comes as `facts`, from `sources`. `loader` asks for them, part by part, and
`newcomers` for single symbols that trade unknown (`waiting` says whose turn it is, `cache` remembers the
answers). `rows` chooses one row for each symbol. `splits`, `renames`, `sessions` and `closures` judge what
the rows say, and `daily_metrics`, `volume_curve` and `tickers` compute from them. `assembly` makes one row
block of it all, with the `columns` that it declares. `parts`, `flaws` and `state` tell operators how a load
goes and what it lacks; `keeping` holds on to what was better before.
"""
