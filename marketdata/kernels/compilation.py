"""How kernels are compiled, and where the result is kept.

Numba looks only at the file of a function to tell whether stored machine code is still good, not at what that
function calls. So the results of each state of this package have a directory of their own: its name is a
digest of all the sources.
"""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar

import numba

ParamsT = ParamSpec("ParamsT")
ReturnT = TypeVar("ReturnT")

_PACKAGE: Final = Path(__file__).parent
_DIGEST_CHARACTERS: Final = 16

# Kernels make no arrays and keep none, so references need not be counted: that cost more than all else.
# A division by zero gives what IEEE 754 says.
_OPTIONS: Final[dict[str, Any]] = {"_nrt": False, "error_model": "numpy"}


def kernel(signature: Any) -> Callable[[Callable[ParamsT, ReturnT]], Callable[ParamsT, ReturnT]]:
    """Compile a function now, for one signature, or take the stored result of an earlier start.

    Arrays are read and written without a check of the bounds: the caller answers for their sizes.
    """

    def compile_it(function: Callable[ParamsT, ReturnT]) -> Callable[ParamsT, ReturnT]:
        compiled: Any
        try:
            compiled = numba.njit(signature, cache=True, nogil=True, **_OPTIONS)(function)
        except RuntimeError:  # nowhere to store it: a read-only installation of a user without a home
            compiled = numba.njit(signature, nogil=True, **_OPTIONS)(function)
        result: Callable[ParamsT, ReturnT] = compiled
        return result

    return compile_it


def part(function: Callable[ParamsT, ReturnT]) -> Callable[ParamsT, ReturnT]:
    """A function that kernels call. It is written into them: calls cost more than what is done in them."""
    compiled: Any = numba.njit(function, forceinline=True, **_OPTIONS)
    result: Callable[ParamsT, ReturnT] = compiled
    return result


def _cache_directory() -> Path | None:
    """Beside the sources if that can be written to, else where the user's caches are."""
    digest = hashlib.sha256()
    for source in sorted(_PACKAGE.glob("*.py")):
        digest.update(source.read_bytes())
    name = f"kernels-{digest.hexdigest()[:_DIGEST_CHARACTERS]}"
    for parent in (_PACKAGE / "__pycache__", _user_caches()):
        if parent is None:
            continue
        directory = parent / name
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(directory, os.W_OK):
            return directory
    return None


def _user_caches() -> Path | None:
    """Where the user keeps caches; None for one without a home, as containers have them."""
    try:
        caches = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser())
    except RuntimeError:
        return None
    return caches / "market-data-platform"


if not os.environ.get("NUMBA_CACHE_DIR") and (_directory := _cache_directory()):
    numba.config.CACHE_DIR = str(_directory)  # type: ignore[attr-defined] # made at run time
