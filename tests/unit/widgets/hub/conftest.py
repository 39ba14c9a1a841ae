"""The hub of a test, stopped after it."""

from collections.abc import AsyncIterator

import pytest

from tests.unit.widgets.hub.hub_rig import HubRig


@pytest.fixture
async def rig() -> AsyncIterator[HubRig]:
    rig = HubRig()
    yield rig
    await rig.hub.stop()
