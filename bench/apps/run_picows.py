"""picows' echo, which has no command line: run_picows.py core|websockets PORT, on uvloop.

`core` is the echo of its README: frames are handed over as they come, there is no compression, text isn't checked, and whoever
gets frames has to put messages together (the load client sends each in one). `websockets` is its interface
of coroutines, as the package websockets has it.
"""

from __future__ import annotations

import sys
from typing import Any

import picows
import uvloop
from picows.websockets.asyncio.server import serve

_MESSAGE_BYTES_MAX = 16 * 2**20  # as uvicorn's


class _Echo(picows.WSListener):
    def on_ws_frame(self, transport: Any, frame: Any) -> None:
        if frame.msg_type == picows.WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code(), frame.get_close_message())
            transport.disconnect()
        else:
            transport.send(frame.msg_type, frame.get_payload_as_memoryview())


async def _core(port: int) -> None:
    server = await picows.ws_create_server(
        lambda request: _Echo(), "127.0.0.1", port, max_frame_size=_MESSAGE_BYTES_MAX
    )
    await server.serve_forever()


async def _echo(websocket: Any) -> None:
    async for message in websocket:
        await websocket.send(message)


async def _websockets(port: int) -> None:
    async with serve(_echo, "127.0.0.1", port, max_size=_MESSAGE_BYTES_MAX) as server:
        await server.serve_forever()


uvloop.run({"core": _core, "websockets": _websockets}[sys.argv[1]](int(sys.argv[2])))
