"""A WebSocket server in Python that sends back every message; prints its URL, and serves until SIGTERM."""

from __future__ import annotations

from typing import Any

import outrider

# The suite's largest message has 16 MiB.
MESSAGE_BYTES_MAX = 32 * 1024 * 1024


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] != "websocket":
        raise RuntimeError(f"this is a server of WebSockets, asked for {scope['type']}")
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({**message, "type": "websocket.send"})


def main() -> None:
    outrider.run(
        app,
        port=0,
        lifespan="off",
        access_log=False,
        ws_max_size=MESSAGE_BYTES_MAX,
        on_ready=lambda server: print(server.url, flush=True),
    )


if __name__ == "__main__":
    main()
