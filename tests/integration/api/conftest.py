"""The API of a running site."""

from collections.abc import AsyncIterator

import pytest

from tests.support.api_site import ApiSite, Program, api_site
from tests.support.widget_site import WidgetSite


@pytest.fixture
async def api(site: WidgetSite) -> AsyncIterator[ApiSite]:
    """The API, with live data."""
    async with api_site(site) as running:
        yield running


@pytest.fixture
async def program(api: ApiSite) -> Program:
    """A program that may read everything."""
    return await api.program()
