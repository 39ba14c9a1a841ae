"""Batches become bytes in a Redis list and come back; other bytes are refused."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketdata.errors import ContentError
from marketdata.transport.accounting import is_expired
from marketdata.transport.base import Batch
from marketdata.transport.queues import QueueLimits, QueueName
from marketdata.transport.redis_lists.envelope import decode, encode, oldest_received_ms
from tests.support.transports import batches

LIMITS = QueueLimits(ttl_ms=5_000)
SECOND_NS = 10**9

any_batch = st.builds(
    Batch,
    format=st.text(min_size=1, max_size=30),
    queue=st.sampled_from(QueueName),
    shard=st.integers(0, 1_000),
    source=st.text(max_size=50),
    sequence=st.integers(1, 2**63 - 1),
    received_ns=st.integers(0, 2**63 - 1),
    feed_time_ms=st.integers(0, 2**63 - 1),
    event_count=st.integers(0, 10**6),
    body=st.binary(max_size=500),
    trace_context=st.text(max_size=60),
)


@given(any_batch)
def test_a_batch_survives_the_journey(batch: Batch) -> None:
    assert decode(encode(batch)) == batch


@given(any_batch)
def test_the_received_time_stands_in_front_where_the_queue_reads_it(batch: Batch) -> None:
    assert int.from_bytes(encode(batch)[:8], "big") == batch.received_ns // 1_000_000


@given(st.binary(max_size=200))
def test_foreign_bytes_are_malformed_and_nothing_else(data: bytes) -> None:
    with pytest.raises(ContentError) as error:
        decode(data)
    assert error.value.reason == "malformed_batch"


@given(any_batch, st.data())
def test_a_truncated_batch_is_malformed(batch: Batch, data: st.DataObject) -> None:
    whole = encode(batch)
    with pytest.raises(ContentError):
        decode(whole[: data.draw(st.integers(0, len(whole) - 1))])


def test_the_queue_and_the_reader_draw_the_same_line() -> None:
    (batch,) = batches(1)
    at_the_limit_ns = batch.received_ns + 5 * SECOND_NS
    assert batch.received_ns // 1_000_000 >= oldest_received_ms(at_the_limit_ns, LIMITS)
    assert not is_expired(batch, at_the_limit_ns, LIMITS.ttl_ms)


@given(any_batch)
def test_a_batch_of_before_that_does_not_tell_its_format_is_malformed(batch: Batch) -> None:
    """Nobody may guess how its body is to be read."""
    without = {name: value for name, value in msgspec.structs.asdict(batch).items() if name != "format"}
    with pytest.raises(ContentError, match=r"malformed_batch.*format"):
        decode(encode(batch)[:8] + msgspec.msgpack.encode(without))
