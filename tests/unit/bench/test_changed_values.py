"""The values that the row `latency` reads from frames."""

from tests.bench.system import changed_values

COLUMNS = [f"c{number}" for number in range(40)]


def test_a_whole_row_has_the_value_of_each_column() -> None:
    frame = {"rows": [["AAPL", *range(40)]]}
    assert list(changed_values(frame, COLUMNS, "c7")) == [7]


def test_a_changed_cell_is_found_behind_the_masks() -> None:
    frame = {"rows": [], "cells": [[0, 0b101, 0b10, "of c0", "of c2", "of c31"]]}
    assert list(changed_values(frame, COLUMNS, "c2")) == ["of c2"]
    assert list(changed_values(frame, COLUMNS, "c31")) == ["of c31"]


def test_a_column_that_did_not_change_has_no_value() -> None:
    frame = {"rows": [], "cells": [[0, 0b1, 0, 1.5]]}
    assert list(changed_values(frame, COLUMNS, "c1")) == []
