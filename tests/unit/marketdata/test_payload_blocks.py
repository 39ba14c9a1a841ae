"""A row block survives the wire to the last bit, and foreign bytes are refused by name."""

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketdata.errors import ContentError
from marketdata.payloads import RowBlock, decode_row_block, encode_row_block
from tests.support.builders import block_rows, row_block

NAMES = ("close", "volume", "end_timestamp")
VALUES = st.one_of(st.floats(allow_nan=True), st.integers(0, 2**53).map(float))


@given(
    st.dictionaries(
        st.text(min_size=1, max_size=8), st.fixed_dictionaries(dict.fromkeys(NAMES, VALUES)), max_size=9
    )
)
def test_what_is_encoded_is_decoded(rows: dict[str, dict[str, float]]) -> None:
    block = row_block(rows, producer="shard:3", epoch=2**62, tick=7, market_time_ms=5, names=NAMES)
    decoded = decode_row_block(encode_row_block(block))
    assert decoded.symbols == block.symbols
    assert (decoded.producer, decoded.epoch, decoded.tick) == ("shard:3", 2**62, 7)
    assert (decoded.published_ns, decoded.received_ns, decoded.market_time_ms) == (2, 1, 5)
    assert tuple(decoded.columns) == NAMES
    for name in NAMES:
        np.testing.assert_array_equal(decoded.columns[name], block.columns[name])


def test_views_of_any_layout_are_encoded() -> None:
    matrix = np.arange(12.0).reshape(6, 2).T
    block = msgspec.structs.replace(
        row_block({"A": {}, "B": {}, "C": {}}), columns={"x": matrix[0, ::2], "y": matrix[1, ::2]}
    )
    assert block_rows(decode_row_block(encode_row_block(block)))["B"] == {"x": 4.0, "y": 5.0}


@given(st.binary(max_size=80))
def test_foreign_bytes_are_content_errors(data: bytes) -> None:
    with pytest.raises(ContentError, match="row_block"):
        decode_row_block(data)


def test_a_matrix_that_does_not_fit_is_refused() -> None:
    wire = msgspec.msgpack.decode(encode_row_block(row_block({"A": {"close": 1.0}})))
    matrix = 9
    wire[matrix] = wire[matrix][:-1]
    with pytest.raises(ContentError, match="matrix size"):
        decode_row_block(msgspec.msgpack.encode(wire))


def test_another_version_is_refused() -> None:
    wire = msgspec.msgpack.decode(encode_row_block(row_block({})))
    wire[0] = 99
    with pytest.raises(ContentError, match="version 99"):
        decode_row_block(msgspec.msgpack.encode(wire))


def test_absent_is_none_and_zero_is_zero() -> None:
    block: RowBlock = row_block({"A": {"close": 0.0}, "B": {"volume": 2.0}})
    assert block_rows(block) == {"A": {"close": 0.0, "volume": None}, "B": {"close": None, "volume": 2.0}}


def test_a_symbol_that_is_not_text_is_refused() -> None:
    data = encode_row_block(row_block({"XX": {"close": 1.0}})).replace(b"XX", b"\xff\xff")
    with pytest.raises(ContentError, match="row_block"):
        decode_row_block(data)
