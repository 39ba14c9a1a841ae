"""The arrays that kernels take: as Python's types, for reading, and as Numba's, for their signatures."""

from typing import Any, Final, TypeAlias

import numba
import numpy as np
from numpy.typing import NDArray

Text: TypeAlias = bytes
Bytes = NDArray[np.uint8]
Codes = NDArray[np.uint64]
Integers = NDArray[np.int64]
Numbers = NDArray[np.float64]

TEXT: Any = numba.types.Bytes(numba.uint8, 1, "C", readonly=True)
BYTES: Final = numba.types.Array(numba.uint8, 1, "C")
BYTE_TABLE: Final = numba.types.Array(numba.uint8, 2, "C")
CODES: Final = numba.types.Array(numba.uint64, 1, "C")
CODE_TABLE: Final = numba.types.Array(numba.uint64, 2, "C")
INTEGERS: Final = numba.types.Array(numba.int64, 1, "C")
INTEGER_TABLE: Final = numba.types.Array(numba.int64, 2, "C")
NUMBER_TABLE: Final = numba.types.Array(numba.float64, 2, "C")
THREE_INTEGERS: Any = numba.types.UniTuple(numba.int64, 3)  # type: ignore[no-untyped-call]
