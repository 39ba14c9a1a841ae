"""Zstandard as Python has it: in the standard library from 3.14 on, before that its maintained backport."""

import sys

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

__all__ = ["zstd"]
