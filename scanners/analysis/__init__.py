"""What all analyzers are made of.

`contract` is what an analyzer promises and is given, `bars` says what is read of aggregates, and `vectors`
has the vectorised steps that they share. Nothing here knows an analyzer.
"""
