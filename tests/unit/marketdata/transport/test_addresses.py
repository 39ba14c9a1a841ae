"""An address that cannot be used is refused without repeating it: there may be a password in it."""

import traceback
from collections.abc import Callable

import pytest

from marketdata.clock import SystemClock
from marketdata.errors import ConfigurationError
from marketdata.store.connection import connect
from marketdata.transport.queues import QueueLimits
from marketdata.transport.registry import create_transport


def open_queues(url: str) -> object:
    return create_transport(url, prefix="mdq", shard_count=1, limits=QueueLimits(), clock=SystemClock())


@pytest.mark.parametrize("use", [connect, open_queues])
@pytest.mark.parametrize(
    "url",
    ["redis://:hun/ter2@host:6379/0", "redis://:hun#ter2@host/0", "redis://user:hunter2@host:hunter2/0"],
)
def test_the_error_repeats_no_part_of_the_address(use: Callable[[str], object], url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        use(url)
    assert "hun" not in "".join(traceback.format_exception(caught.value, limit=0))
