"""pytest-asyncio: a server on the test's own event loop."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest
from outrider.testing import LiveServer
from shop import app

pytest_asyncio = pytest.importorskip("pytest_asyncio")


@pytest_asyncio.fixture
async def shop(outrider_server: Callable[..., LiveServer]) -> AsyncIterator[LiveServer]:
    async with outrider_server(app, isolation="none") as server:
        yield server


@pytest.mark.asyncio
async def test_the_shop_ticks(shop: LiveServer) -> None:
    async with shop.async_client() as client:
        assert (await client.get("/items")).status_code == 200
    async with shop.async_events("/ticks") as events:
        assert (await anext(events)).data == "1"
