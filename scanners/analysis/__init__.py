"""The common parts of all analyzers.

`contract` is the interface of an analyzer, `bars` has the fields and columns of aggregates, and `vectors` has
shared vectorised steps. Nothing here imports an analyzer.
"""
