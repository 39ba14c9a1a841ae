"""The simulator: a synthetic US stock market at the pace of a clock, behind a provider's own protocol.

Nothing here is market data of anybody: every name, price and volume is drawn from a seed.
`service.py` puts the parts together. The market is `marketdata.synthetic_market`, the protocol is the
emulator of the chosen provider (`marketdata.providers.emulator`), the pace is `pacing.py`.
"""
