"""Texts that are valid symbols, and texts that are not."""

from typing import Final

SYMBOLS: Final = (
    "A", "BRK.B", "KIMpL", "NTEST.Q", "WFC+", "BAC-L", "BRK/A", "O:SPY251219C00650000", "I:SPX", "X:BTC-USD",
    "ABC^", "ABC*", "ABC=", "ABC#", "ABC$", "ABC%", "ABC!", "ABC@", "ABC~", "ABC_U", "7203", "X" * 32,
)  # fmt: skip

NO_SYMBOLS: Final = (
    *("", "X" * 33, " ", "A B", "A ", " A", "A\t", "A\n", "A\r\n", "A\0", "\x16", "A\x16", "A\x7f", "A\x85"),
    *("<b>", "<script>alert(1)</script>", "A&amp;B", 'A"', "A'", "A`", "A\\", "A(B)", "A[0]", "{A}", "A|B"),
    *("A,B", "A;B", "A?", "=1+1", "+A", "-A", "@A", "*", ".", "/etc", ":A"),
    *("\xe9", "\uff21", "A\xa0", "A\u200b", "A\u200d", "\u202eA", "A\u2066", "\ufeffA", "\u0410", "A\u0301"),
)
"""Texts that are too short or too long; blanks and control characters; markup, quotes and brackets; prefixes
of paths, spreadsheet formulas and wildcards; letters of other scripts; invisible characters, and characters
that change the direction of text."""
