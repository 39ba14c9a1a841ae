"""The pieces that were set aside, as the overview shows them."""

import ast

import msgspec
import pytest

from marketdata.control.overview import read_overview
from marketdata.control.set_aside import MOST_BYTES, MOST_SHOWN, set_aside_views
from marketdata.errors import ContentError
from marketdata.payloads import UnknownPiece, encode_unknown
from tests.support import installation

SECOND_NS = 1_000_000_000


def piece(raw: bytes, seconds: int = 1) -> bytes:
    return encode_unknown(UnknownPiece.cut(raw, reason="not_json", received_ns=seconds * SECOND_NS))


def test_a_piece_is_shown_byte_for_byte_without_any_control_character() -> None:
    raw = bytes(range(256))
    (view,) = set_aside_views({3: [piece(raw)]})
    assert (view.shard, view.reason, view.received_ms, view.byte_count) == (3, "not_json", 1_000, 256)
    assert view.text.isascii()
    assert view.text.isprintable()
    quote = '"' if "'" in view.text and '"' not in view.text else "'"
    assert ast.literal_eval(f"b{quote}{view.text}{quote}") == raw


def test_the_newest_pieces_of_all_shards_come_first_and_are_bounded() -> None:
    stored = {shard: [piece(b"x", 10 * each + shard) for each in range(20)] for shard in (0, 1)}
    views = set_aside_views(stored)
    assert len(views) == MOST_SHOWN
    assert [view.received_ms for view in views[:3]] == [191_000, 190_000, 181_000]


def test_a_long_piece_is_cut_and_says_its_length() -> None:
    (view,) = set_aside_views({0: [piece(b"x" * 100_000)]})
    assert view.text == "x" * MOST_BYTES
    assert view.byte_count == 100_000


def test_a_value_that_is_no_piece_is_named_and_hides_nothing_else() -> None:
    with pytest.raises(ContentError):
        set_aside_views({0: [b"\xff"]})
    records = msgspec.structs.replace(installation.stored(), set_aside={0: [b"\xff"]})
    overview = read_overview(records).overview
    assert overview.set_aside == ()
    assert "set-aside pieces" in overview.unread
    assert overview.processes
