"""How kernels are compiled: at import, for one signature, unless the code of an earlier start is whole."""

from collections.abc import Callable
from typing import Any, Final, ParamSpec, TypeVar

import numba

from marketdata.kernels.stored_code import StoredCode

ParamsT = ParamSpec("ParamsT")
ReturnT = TypeVar("ReturnT")

# Kernels make no arrays and keep none, so references need not be counted: that cost more than all else.
# A division by zero gives what IEEE 754 says.
_OPTIONS: Final[dict[str, Any]] = {"_nrt": False, "error_model": "numpy"}
_PART_OPTIONS: Final[dict[str, Any]] = {"forceinline": True}
# Numba's manual names neither `_nrt` nor `forceinline`. Tests read in the compiled code that both still work
# (tests/unit/marketdata/kernels/test_options.py), and `pyproject.toml` admits the Numba that they ran with.


def kernel(signature: Any) -> Callable[[Callable[ParamsT, ReturnT]], Callable[ParamsT, ReturnT]]:
    """Compile a function now, for one signature, or take the stored result of an earlier start.

    Arrays are read and written without a check of the bounds: the caller answers for their sizes.
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
    """A function that kernels call. It is written into them: calls cost more than what is done in them."""
    compiled: Any = numba.njit(function, **_PART_OPTIONS, **_OPTIONS)
    result: Callable[ParamsT, ReturnT] = compiled
    return result
