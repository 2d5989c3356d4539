# SPDX-License-Identifier: MIT
"""What runs in the fresh interpreter of ``isolation="process"`` (``_process.py``).

The two arguments of ``main()`` are descriptors. CONTROL brings JSON lines: first what to serve, then perhaps
``{"stop": policy}``; when it ends, the parent has gone, however it went, and the server stops. REPORT takes
JSON lines: ``{"ready": true}``, ``{"failed": ...}``, ``{"report": ...}``.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import socket
import threading
import traceback
from typing import Any, TextIO

# For a server whose parent has gone: its policy's deadlines, and then it ends however it is.
_ORPHAN_SECONDS = 10.0


def main(arguments: list[str]) -> int:
    control_fd, report_fd = map(int, arguments)
    for fd in (control_fd, report_fd):
        os.set_inheritable(fd, False)
    control = open(control_fd, encoding="utf-8")  # noqa: SIM115 - until the process ends
    report = open(report_fd, "w", encoding="utf-8")  # noqa: SIM115
    task = json.loads(control.readline())

    from outrider._config import Config
    from outrider._server import Server

    sockets = [socket.socket(fileno=fd) for fd in task["fds"]]
    for one in sockets:
        os.set_inheritable(one.fileno(), False)
    server = Server(Config(task["app"], **task["options"]))
    threading.Thread(target=_obey, args=(server, control), daemon=True).start()
    threading.Thread(target=_tell_ready, args=(server, report), daemon=True).start()
    try:
        outcome = server.run(sockets)
    except BaseException as error:
        cause = "".join(traceback.format_exception(error))
        _send(report, {"failed": {"type": type(error).__name__, "message": str(error), "traceback": cause}})
        return 3
    fields = dataclasses.asdict(dataclasses.replace(outcome, lifespan_error=None))
    fields["lifespan_error"] = repr(outcome.lifespan_error) if outcome.lifespan_error else None
    _send(report, {"report": fields, "requests": server.requests})
    return 0


def _send(report: TextIO, message: dict[str, Any]) -> None:
    with contextlib.suppress(BrokenPipeError, ValueError):  # the parent has gone
        report.write(json.dumps(message) + "\n")  # in one piece: two threads report
        report.flush()


def _tell_ready(server: Any, report: TextIO) -> None:
    from outrider._exceptions import OutriderError

    try:
        server.wait_ready()
    except OutriderError:
        return  # run() raises it
    _send(report, {"ready": True})


def _obey(server: Any, control: TextIO) -> None:
    from outrider._stop import StopPolicy

    for line in control:
        message = json.loads(line)
        if "stop" in message:
            server.request_stop(StopPolicy(**message["stop"]))
    threading.Timer(_ORPHAN_SECONDS, os._exit, [1]).start()
    server.request_stop(StopPolicy())
