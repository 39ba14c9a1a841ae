"""Two options of Numba that its manual does not name still do what kernels owe their speed to.

Told by the compiled code, not by time: without them kernels give the same results, three to four times as
slowly.
"""

import re
from pathlib import Path
from typing import Any, Final

import numba
import numpy as np
import pytest

from marketdata.kernels import compilation, stored_code
from marketdata.kernels.arrays import TEXT_BYTES

SIGNATURE: Final = numba.int64(TEXT_BYTES, numba.types.Array(numba.int64, 2, "C"))
CALL: Final = re.compile(r"\b(?:call|invoke|musttail call)\b[^@\n]*@\"?([\w.$-]+)")
COUNTS_REFERENCES: Final = re.compile(r"NRT_\w+")
LARGE_PART: Final = "stepped_over"


def stepped_over(text: bytes, at: int, found: Any) -> int:
    """More than the compiler writes into its callers unless it is told to: loops, and branches in them."""
    for step in range(3):
        while text[at] == 32 + step or text[at] == 9 + step:  # never 0, at which the text ends
            at += 1
        if text[at] == 34:
            at += 1
            while text[at] != 34:
                at += 1 + (text[at] == 92)
            at += 1
            found[0, step] += at
        elif text[at] == 91 or text[at] == 123:
            depth = 0
            while text[at] != 0:
                depth += (text[at] == 91) - (text[at] == 93) + (text[at] == 123) - (text[at] == 125)
                found[1, step] = max(found[1, step], depth)
                at += 1
                if depth == 0:
                    break
    return at


def compiled_code() -> str:
    """The optimised code of a kernel that calls a large part from four places and takes a row of a table."""
    part = compilation.part(stepped_over)

    def reader(text: bytes, found: Any) -> int:
        at = part(text, 0, found)
        row = found[1]
        while text[at] != 0:
            at = part(text, part(text, at + 1, found), found)
            row[0] += at
        return part(text, 0, found) + at

    kernel: Any = compilation.kernel(SIGNATURE)(reader)
    assert kernel(b'"a" [1] \0', np.zeros((2, 3), np.int64)) > 0
    code = kernel.inspect_llvm(SIGNATURE.args)
    assert isinstance(code, str)
    return code


def called(code: str) -> set[str]:
    """The functions that are called anywhere in the code."""
    return set(CALL.findall(code))


@pytest.fixture(autouse=True)
def stored_nowhere_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compiled anew: of code that was loaded Numba shows nothing."""
    monkeypatch.setattr(stored_code, "directories", lambda: iter([tmp_path]))


def test_no_reference_is_counted_in_compiled_code() -> None:
    assert COUNTS_REFERENCES.findall(compiled_code()) == []


def test_no_part_is_called_in_compiled_code() -> None:
    assert [name for name in called(compiled_code()) if LARGE_PART in name] == []


def test_without_its_option_references_would_be_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compilation, "_OPTIONS", {"error_model": "numpy"})
    assert COUNTS_REFERENCES.findall(compiled_code())


def test_without_its_option_a_part_would_be_called(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compilation, "_PART_OPTIONS", {})
    assert [name for name in called(compiled_code()) if LARGE_PART in name]
