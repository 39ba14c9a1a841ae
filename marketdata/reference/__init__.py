"""Slow-changing facts by REST: previous session, average volume, float.

`sources` is the interface to the provider, and `facts` are its rows. `loader` loads the whole market, part by
part. `newcomers` looks up single symbols that trade without reference data; `waiting` decides their order,
and
`cache` remembers the answers. `rows` chooses one row for each symbol. `splits`, `renames`, `sessions` and
`closures` check and correct the rows; `daily_metrics`, `volume_curve` and `tickers` compute from them.
`assembly` makes one row block, with the columns that `columns` declares. `parts`, `flaws` and `state` report
the progress of a load and its missing parts. `keeping` keeps stored data that is better than the loaded data.
"""
