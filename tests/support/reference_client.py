"""A client of protocol 2, as docs/protocol.md specifies it: it applies the frames of feeds."""

import json
from collections.abc import Sequence
from typing import Any

MASK_COLUMNS = 30
FRAMES_OF_FEEDS = frozenset({"snapshot", "delta", "alert", "append", "resumed"})


class FeedCopy:
    """What a correct client makes of the frames of one feed. A frame that does not follow fails the test.

    `table` has the rows in order, each `[symbol, value, ...]`. `kinds` has the types of the applied frames.
    """

    def __init__(self) -> None:
        self.epoch = ""
        self.seq = 0
        self.hz = 0.0
        self.columns: list[str] = []
        self.limit: int | None = None
        self.off: list[str] = []
        self.partial: dict[str, int] = {}
        self.table: list[list[Any]] = []
        self.kinds: list[str] = []

    @property
    def frames(self) -> int:
        """How many frames were applied."""
        return len(self.kinds)

    @property
    def snapshots(self) -> int:
        """How many of them were snapshots."""
        return self.kinds.count("snapshot")

    @property
    def rows(self) -> dict[str, list[Any]]:
        """The values of each symbol, of a table."""
        return {symbol: values for symbol, *values in self.table}

    @property
    def order(self) -> list[str]:
        """The symbols in order."""
        return [row[0] for row in self.table]

    @property
    def position(self) -> dict[str, Any]:
        """The members of a subscription that resumes here."""
        return {"epoch": self.epoch, "seq": self.seq}

    def apply(self, text: str | bytes) -> None:
        """Apply a frame of the feed, in JSON."""
        self.apply_frame(json.loads(text))

    def apply_frame(self, frame: dict[str, Any]) -> None:
        """Apply a frame of the feed."""
        kind = frame["type"]
        self.kinds.append(kind)
        if kind == "resumed":
            assert (frame["epoch"], frame["seq"]) == (self.epoch, self.seq)
            return
        if kind == "snapshot":
            assert "prev" not in frame
            self.epoch, self.columns, self.hz = frame["epoch"], frame["columns"], frame["hz"]
            self.limit, self.table = frame.get("limit"), frame["rows"]
            self.off, self.partial = frame.get("off", []), frame.get("partial", {})
        else:
            assert (frame["epoch"], frame["prev"]) == (self.epoch, self.seq), "frames were missed"
            if kind == "delta":
                self.table = changed_table(self.table, len(self.columns), frame)
            else:
                self.table = [*self.table, *frame["rows"]][-(self.limit or 0) :]
        self.seq = frame["seq"]
        assert all(len(row) == 1 + len(self.columns) for row in self.table)


def changed_table(table: Sequence[list[Any]], column_count: int, delta: dict[str, Any]) -> list[list[Any]]:
    """The rows after a delta: first its cells, then its order with the rows that are new."""
    rows = [list(row) for row in table]
    mask_count = -(-column_count // MASK_COLUMNS)
    for place, *entry in delta["cells"]:
        masks, values = entry[:mask_count], iter(entry[mask_count:])
        for column in range(column_count):
            if masks[column // MASK_COLUMNS] >> column % MASK_COLUMNS & 1:
                rows[place][1 + column] = next(values)
        assert next(values, None) is None, "more values than the masks have bits"
    new = {row[0]: row for row in delta["rows"]}
    if "order" not in delta:
        assert not new
        return rows
    ordered: list[list[Any]] = []
    for part in delta["order"]:
        if isinstance(part, str):
            ordered.append(new.pop(part))
        else:
            start, count = part
            assert 0 <= start < start + count <= len(rows)
            ordered += rows[start : start + count]
    assert not new, "a new row without a place"
    return ordered
