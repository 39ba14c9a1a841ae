"""What cannot be understood is kept to be looked at, within bounds, and costs the other events nothing."""

from collections.abc import Sequence
from typing import Final

from marketdata.payloads import UNKNOWN_PIECE_BYTES, UnknownPiece
from marketdata.transport.queues import QueueName
from scanners.processor.outcome import BYTES_PER_TICK, PIECES
from scanners.processor.shard import ShardProcessor
from scanners.registry import routes
from tests.support.builders import aggregate_wire, batch, batch_body, calendar_of, new_york_ms, whole_of

DAY = "2026-11-23"
CALENDAR: Final = calendar_of(DAY)


def processor() -> ShardProcessor:
    return ShardProcessor(0, routes=routes(), calendar=CALENDAR, epoch=1)


def kept(shard: ShardProcessor) -> Sequence[UnknownPiece]:
    tick = shard.tick(published_ns=1)
    shard.confirm(tick)
    return tick.unknown


def test_the_unknown_queue_is_taken_too() -> None:
    assert set(processor().queues) == set(QueueName)


def test_pieces_are_kept_byte_for_byte_with_reason_and_time() -> None:
    pieces = [b'{"ev" : "FMV", "fmv":1.50}', b'{"ev":"T","p":1}', b"[17]", b'"<html>"']
    shard = processor()
    outcome = shard.apply([batch(QueueName.UNKNOWN, b"[" + b",".join(pieces) + b"]", received_ns=7)])

    assert (outcome.applied, outcome.unknown) == ({}, {"unknown": 4})
    found = kept(shard)
    assert [piece.raw for piece in found] == pieces
    reasons = ["unknown_type", "invalid_field", "not_an_event", "not_an_event"]
    assert [piece.reason for piece in found] == reasons
    assert {piece.received_ns for piece in found} == {7}
    assert kept(shard) == []


def test_what_the_processor_rejects_itself_is_kept_and_its_neighbours_are_applied() -> None:
    start_ms = new_york_ms(DAY, "10:00:00")
    wires = [aggregate_wire("A", start_ms=start_ms), aggregate_wire("B", start_ms=start_ms, c=-1.0)]
    shard = processor()
    outcome = shard.apply([batch(QueueName.AGGREGATE, wires, received_ns=8)])

    assert (outcome.applied, outcome.rejected) == ({"aggregate": 1}, {"invalid_field": 1})
    (piece,) = kept(shard)
    assert (piece.reason, piece.received_ns) == ("invalid_field", 8)
    assert batch_body(wires).endswith(piece.raw + b"]")


def test_a_piece_that_is_not_json_does_not_lose_the_others() -> None:
    shard = processor()
    shard.apply([batch(QueueName.UNKNOWN, b'[{"ev":"X"},{"ev":oops},{"ev":"Y"}]')])
    assert [piece.reason for piece in kept(shard)] == ["unknown_type", "malformed", "unknown_type"]


def test_a_huge_piece_is_cut_and_its_length_told() -> None:
    huge = b'{"ev":"X","text":"' + b"x" * 100_000 + b'"}'
    shard = processor()
    shard.apply([batch(QueueName.UNKNOWN, b"[" + huge + b"]")])
    (piece,) = kept(shard)
    assert piece.raw == huge[:UNKNOWN_PIECE_BYTES]
    assert piece.byte_count == len(huge)


def test_of_a_flood_the_newest_are_kept_and_all_are_counted() -> None:
    shard = processor()
    bodies = [[{"ev": "X", "n": 1_500 * part + number} for number in range(1_500)] for part in range(2)]
    outcome = shard.apply([batch(QueueName.UNKNOWN, body) for body in bodies])
    assert outcome.unknown == {"unknown": 3_000}
    found = kept(shard)
    assert len(found) == PIECES
    assert found[-1].raw == b'{"ev":"X","n":2999}'
    assert found[0].raw == b'{"ev":"X","n":2000}'


def test_a_tick_stores_a_bounded_number_of_bytes() -> None:
    shard = processor()
    shard.apply([batch(QueueName.UNKNOWN, [{"ev": "X", "t": f"{number}" * 4_000} for number in range(500)])])
    found = kept(shard)
    assert found[-1].raw.startswith(b'{"ev":"X","t":"499')
    assert BYTES_PER_TICK - UNKNOWN_PIECE_BYTES < sum(len(piece.raw) for piece in found) <= BYTES_PER_TICK


def test_what_no_tick_stored_is_given_again() -> None:
    shard = processor()
    shard.apply([batch(QueueName.UNKNOWN, [{"ev": "X"}])])
    assert len(shard.tick(published_ns=1).unknown) == 1
    assert len(kept(shard)) == 1


def test_unknown_pieces_neither_begin_a_day_nor_tell_of_freshness() -> None:
    shard = processor()
    shard.apply([batch(QueueName.UNKNOWN, [{"ev": "X", "t": new_york_ms(DAY, "10:00:00")}], received_ns=9)])
    whole = whole_of(shard.tick(published_ns=1))
    assert (len(whole), whole.received_ns, whole.market_time_ms) == (0, 0, 0)
