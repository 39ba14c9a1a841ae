"""Loops over the bytes of market data, compiled to machine code. All compiled code is in this package.

A kernel is a plain function over NumPy arrays. Numba compiles it when its module is imported, for one
declared signature: so nothing is compiled while events wait. The compiled code is stored, and later starts
load it. Kernels do not know the platform's types: the calling package gives the arrays their meaning.
"""
