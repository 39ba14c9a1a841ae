"""Providers of market data, one folder each. docs/provider.md explains how to add one.

The interfaces: `base.py` (the provider's feed), `plugin.py` (all parts of a provider), `wire_format.py` (the
format of its events), `emulator.py` (the server of its protocol). `registry.py` has the providers by name.
To build on: `buffered.py` for a feed, `served_port.py` for an emulator.
`protocol_service.py` is a service around an emulator's server. `marketdata/chosen_provider.py` gives the
provider that the settings choose.
"""
