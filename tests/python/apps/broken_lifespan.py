"""An application whose start-up fails, and which says so as Starlette and FastAPI do."""

from __future__ import annotations

import traceback
from typing import Any


class NoDatabase(Exception):
    pass


async def app(scope: Any, receive: Any, send: Any) -> None:
    assert scope["type"] == "lifespan"
    await receive()
    try:
        raise NoDatabase("nobody answers at the database's door")
    except NoDatabase:
        await send({"type": "lifespan.startup.failed", "message": traceback.format_exc()})
        raise
