"""Analyzers: pure functions from events to columns of the market table.

Each is one module or one package here. None imports another: code that two of them need is in
`scanners.analysis`. `scanners.registry` lists them.
"""
