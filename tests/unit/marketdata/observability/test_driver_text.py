"""What the Redis driver says of a failure is shown without the command that failed."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st
from redis.asyncio import Redis
from redis.exceptions import OutOfMemoryError

from marketdata.observability.driver_text import driver_text
from marketdata.observability.foreign_text import MAX_CHARACTERS

OUT_OF_MEMORY = "command not allowed when used memory > 'maxmemory'."


def failed_in_a_pipeline(words: str, value: bytes) -> OutOfMemoryError:
    """The error as the driver itself words it."""
    error = OutOfMemoryError(words)
    client = Redis()
    client.pipeline().annotate_exception(error, 1, ("SET", "mdc:x", value))
    asyncio.run(client.aclose())
    return error


@given(st.binary(max_size=200), st.sampled_from([b"", b") of pipeline caused error: (", b"\n\x00"]))
def test_no_byte_of_the_failed_command_is_shown(value: bytes, trap: bytes) -> None:
    shown = driver_text(failed_in_a_pipeline(OUT_OF_MEMORY, value + trap + value))
    assert shown == f"OutOfMemoryError: {OUT_OF_MEMORY}"


@given(st.text(max_size=1_000))
def test_any_text_is_one_printable_line_of_bounded_length(words: str) -> None:
    for error in (OutOfMemoryError(words), failed_in_a_pipeline(words, b"x"), OSError(words)):
        shown = driver_text(error)
        assert shown.isprintable()
        assert len(shown) <= MAX_CHARACTERS + 1
