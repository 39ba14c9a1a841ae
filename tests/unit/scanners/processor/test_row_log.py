"""Which ticks store all rows, and which append the changed rows to the row log."""

from hypothesis import given
from hypothesis import strategies as st

from marketdata.store.row_log import MOST_LOGGED_BLOCKS, LogEnd
from marketdata.store.shard_state import ShardTick
from scanners.processor.tick import RowLog
from tests.support.builders import row_block


class Owner:
    """The ticks of one owner of a shard with a number of rows."""

    def __init__(self, row_count: int = 1_000) -> None:
        self.log = RowLog()
        self.row_count = row_count
        self.tick_number = 0

    def tick(self, changed: int, *, removes_rows: bool = False) -> LogEnd | None:
        self.tick_number += 1
        end = self.log.next_end(changed, self.row_count, removes_rows=removes_rows)
        rows = row_block({f"S{number}": {} for number in range(changed)}, tick=self.tick_number)
        self.log.confirm(ShardTick(whole=rows if end is None else None, changed=rows, log_end=end))
        return end


def test_all_rows_come_first_and_then_only_changes() -> None:
    owner = Owner()
    ends = [owner.tick(changed) for changed in (1_000, 10, 0)]
    assert ends == [None, LogEnd(whole_tick=1, blocks=1), LogEnd(whole_tick=1, blocks=2)]


def test_rows_that_leave_and_a_cache_that_lost_some_need_all_rows() -> None:
    owner = Owner()
    owner.tick(0)
    assert owner.tick(1, removes_rows=True) is None
    assert owner.tick(1) == LogEnd(whole_tick=2, blocks=1)
    owner.log.store_anew()
    assert owner.tick(1) is None
    assert owner.tick(1) == LogEnd(whole_tick=4, blocks=1)


def test_what_was_not_stored_stays_due() -> None:
    log = RowLog()
    for _ in range(3):
        assert log.next_end(1, 1_000, removes_rows=False) is None


def test_more_than_half_of_the_rows_in_the_log_need_all_rows() -> None:
    owner = Owner()
    owner.tick(0)
    assert owner.tick(501) is None
    assert owner.tick(300) is not None
    assert owner.tick(200) is not None
    assert owner.tick(1) is None
    assert owner.tick(500) is not None


@given(st.integers(0, 50), st.lists(st.integers(0, 50), max_size=150))
def test_a_log_is_bounded_whatever_changes(row_count: int, changes: list[int]) -> None:
    owner = Owner(row_count)
    blocks = rows = 0
    for changed in changes:
        end = owner.tick(min(changed, row_count))
        blocks, rows = (0, 0) if end is None else (blocks + 1, rows + min(changed, row_count))
        assert blocks <= MOST_LOGGED_BLOCKS
        assert 2 * rows <= row_count
        if end is not None:
            assert end.blocks == blocks
