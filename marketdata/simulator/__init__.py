"""The simulator: serves a synthetic US stock market in real time through a provider's protocol.

No real market data is used: every name, price and volume is drawn from a seed. `service.py` combines the
market (`marketdata.synthetic_market`), the emulator of the chosen provider (`marketdata.providers.emulator`)
and the pace (`pacing.py`). `settings.py` has what operators can change.
"""
