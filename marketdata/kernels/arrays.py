"""The types of the arrays that kernels take: for Python's annotations, and for Numba's signatures."""

from typing import Any, Final, TypeAlias

import numba
import numpy as np
from numpy.typing import NDArray

TextBytes: TypeAlias = bytes
"""A text as bytes. Each kernel documents where the text must have a zero byte."""

ByteArray = NDArray[np.uint8]
Codes = NDArray[np.uint64]
Integers = NDArray[np.int64]
Numbers = NDArray[np.float64]
Records = NDArray[np.void]
Record: TypeAlias = np.void

TEXT_BYTES: Any = numba.types.Bytes(numba.uint8, 1, "C", readonly=True)
BYTE_ARRAY: Final = numba.types.Array(numba.uint8, 1, "C")
BYTE_TABLE: Final = numba.types.Array(numba.uint8, 2, "C")
CODES: Final = numba.types.Array(numba.uint64, 1, "C")
INTEGERS: Final = numba.types.Array(numba.int64, 1, "C")
INTEGER_TABLE: Final = numba.types.Array(numba.int64, 2, "C")
NUMBER_TABLE: Final = numba.types.Array(numba.float64, 2, "C")
THREE_INTEGERS: Any = numba.types.UniTuple(numba.int64, 3)  # type: ignore[no-untyped-call]


def records_of(dtype: np.dtype[np.void]) -> Any:
    """Numba's type of an array of records."""
    return numba.types.Array(numba.from_dtype(dtype), 1, "C")


def named_tuple(fields: type[tuple[Any, ...]], *types: Any) -> Any:
    """Numba's type of a named tuple whose fields have these types, in their order."""
    return numba.types.NamedTuple(types, fields)  # type: ignore[no-untyped-call]
