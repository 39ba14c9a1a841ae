"""Analyzers: pure functions from events to columns of the market table.

Each is one module or one package here. None knows another: what two of them need stands in
`scanners.analysis`. `scanners.registry` lists them.
"""
