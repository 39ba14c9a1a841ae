"""What runs beside the hub goes on after a defect of it."""

import asyncio

import pytest

from marketdata.runtime.cancellation import end
from tests.support.virtual_time import run_in_virtual_time
from widgets.data_service import RESTART_SECONDS, keep_running


@pytest.mark.parametrize("defect", [ValueError("a defect"), None])
def test_work_that_fails_or_ends_begins_again(defect: Exception | None) -> None:
    begun = 0

    async def work() -> None:
        nonlocal begun
        begun += 1
        if defect is not None:
            raise defect

    async def story() -> None:
        task = asyncio.create_task(keep_running("work", work))
        await asyncio.sleep(RESTART_SECONDS * 3.5)
        await end(task)

    run_in_virtual_time(story())
    assert begun == 4
