"""Loops over the bytes of market data, as machine code: all that the platform compiles is in this package.

A kernel is a plain function over NumPy arrays. Numba translates it when its module is imported, for the one
signature that is declared, so that nothing is compiled while events wait; later starts load what the first
one stored. No kernel knows the platform's types: the room that uses one gives it arrays and their meaning.
"""
