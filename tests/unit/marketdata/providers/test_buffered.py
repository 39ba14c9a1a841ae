"""The buffer between socket and listener: ordered, bounded, oldest first out."""

import asyncio

import pytest

from marketdata.feeds import Frame
from marketdata.observability import metrics
from marketdata.providers.buffered import DEFAULT_CAPACITY_CHARACTERS, TAKE_CHARACTERS, FrameBuffer


def make_buffer(capacity_characters: int = DEFAULT_CAPACITY_CHARACTERS) -> FrameBuffer:
    """A buffer of frames whose every character is an event."""
    return FrameBuffer(len, capacity_characters)


def frame(text: str) -> Frame:
    return Frame(text, 1)


async def test_frames_come_out_in_the_order_of_arrival() -> None:
    buffer = make_buffer()
    for text in "abc":
        buffer.append(frame(text))

    assert [taken.data for taken in await buffer.take()] == ["a", "b", "c"]


async def test_taking_waits_for_the_first_frame() -> None:
    buffer = make_buffer()
    taking = asyncio.create_task(buffer.take())
    await asyncio.sleep(0)
    assert not taking.done()

    buffer.append(frame("late"))

    assert [taken.data for taken in await taking] == ["late"]


async def test_one_taking_is_bounded_by_text_size() -> None:
    buffer = make_buffer()
    half = "x" * (TAKE_CHARACTERS // 2)
    for _ in range(3):
        buffer.append(frame(half))

    assert len(await buffer.take()) == 2
    assert len(await buffer.take()) == 1


async def test_a_full_buffer_gives_up_its_oldest_frames_and_counts_them() -> None:
    dropped = metrics.PROVIDER_FRAMES_DROPPED.labels(reason="buffer_full")
    before = dropped._value.get()
    buffer = make_buffer(10)
    for text in ("aaaa", "bbbb", "cccc", "dddd"):
        buffer.append(frame(text))

    assert [taken.data for taken in await buffer.take()] == ["cccc", "dddd"]
    assert dropped._value.get() - before == 2


async def test_a_frame_larger_than_the_buffer_leaves_it_usable() -> None:
    buffer = make_buffer(10)
    buffer.append(frame("x" * 11))
    assert len(buffer) == 0

    buffer.append(frame("fits"))
    assert len(await buffer.take()) == 1


@pytest.mark.parametrize("waiting", [0, 2])
async def test_a_closed_buffer_hands_over_what_is_left_and_then_nothing(waiting: int) -> None:
    buffer = make_buffer()
    for _ in range(waiting):
        buffer.append(frame("x"))
    buffer.close()

    taken = [*await buffer.take(), *await buffer.take()]

    assert len(taken) == waiting


async def test_an_opened_buffer_waits_again() -> None:
    buffer = make_buffer()
    buffer.close()
    assert await buffer.take() == []
    buffer.open()
    taking = asyncio.create_task(buffer.take())
    await asyncio.sleep(0)
    assert not taking.done()
    buffer.append(frame("x"))
    assert len(await taking) == 1
