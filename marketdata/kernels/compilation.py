"""Compiles kernels at import, for one signature each, or loads the code that an earlier start stored."""

from collections.abc import Callable
from typing import Any, Final, ParamSpec, TypeVar

import numba

from marketdata.kernels.stored_code import StoredCode

ParamsT = ParamSpec("ParamsT")
ReturnT = TypeVar("ReturnT")

# Kernels neither create nor keep arrays, so references need not be counted. Counting took most of the time.
# A division by zero gives the result of IEEE 754.
_OPTIONS: Final[dict[str, Any]] = {"_nrt": False, "error_model": "numpy"}
_PART_OPTIONS: Final[dict[str, Any]] = {"forceinline": True}
# Numba's manual documents neither `_nrt` nor `forceinline`. Tests check their effect in the compiled code
# (tests/unit/marketdata/kernels/test_options.py). `pyproject.toml` allows only tested versions of Numba.


def kernel(signature: Any) -> Callable[[Callable[ParamsT, ReturnT]], Callable[ParamsT, ReturnT]]:
    """Compile a function at once, for one signature, or load the stored code of an earlier start.

    Array bounds are not checked: the caller must give arrays of the right sizes.
    """

    def compile_it(function: Callable[ParamsT, ReturnT]) -> Callable[ParamsT, ReturnT]:
        compiled: Any = numba.njit(nogil=True, **_OPTIONS)(function)
        compiled._cache = StoredCode(function)  # noqa: SLF001 - Numba offers its own store only
        compiled.compile(signature)
        compiled.disable_compile()
        result: Callable[ParamsT, ReturnT] = compiled
        return result

    return compile_it


def part(function: Callable[ParamsT, ReturnT]) -> Callable[ParamsT, ReturnT]:
    """A function that kernels call. It is inlined, since a call costs more than the work in it."""
    compiled: Any = numba.njit(function, **_PART_OPTIONS, **_OPTIONS)
    result: Callable[ParamsT, ReturnT] = compiled
    return result
