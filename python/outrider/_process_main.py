# SPDX-License-Identifier: MIT
"""What runs in the fresh interpreter of ``isolation="process"`` (``_process.py``).

The two arguments of ``main()`` are descriptors. CONTROL brings JSON lines: first what to serve, then perhaps
``{"stop": policy}`` and ``{"ask": method}``; when it ends, the parent has gone, however it went, and the server stops.
REPORT takes JSON lines: ``{"ready": true}``, ``{"failed": ...}``, ``{"answer": ...}``, ``{"exchange": true}``,
``{"report": ...}``.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
import threading
from typing import Any, TextIO

_sending = threading.Lock()  # several threads report

# For a server whose parent has gone: its policy's deadlines, and then it ends however it is.
_ORPHAN_SECONDS = 10.0


def main(arguments: list[str]) -> int:
    control_fd, report_fd = map(int, arguments)
    del sys.argv[1:]  # which are none of the application's
    for fd in (control_fd, report_fd):
        os.set_inheritable(fd, False)
    control = open(control_fd, encoding="utf-8")  # noqa: SIM115 - until the process ends
    report = open(report_fd, "w", encoding="utf-8")  # noqa: SIM115
    task = json.loads(control.readline())

    from outrider._config import Config
    from outrider._process_messages import from_error, from_report
    from outrider._server import Server

    sockets = [socket.socket(fileno=fd) for fd in task["fds"]]
    for one in sockets:
        os.set_inheritable(one.fileno(), False)
    server = Server(Config(task["app"], **task["options"]))
    threading.Thread(target=_obey, args=(server, control, report), daemon=True).start()
    threading.Thread(target=_tell_ready, args=(server, report), daemon=True).start()
    try:
        outcome = server.run(sockets)
    except BaseException as error:
        _send(report, {"failed": from_error(error)})
        return 3
    errors = [from_error(error) for error in server.errors]
    _send(report, {"report": from_report(outcome), "requests": server.requests, "errors": errors})
    return 0


def _send(report: TextIO, message: dict[str, Any]) -> None:
    with _sending, contextlib.suppress(BrokenPipeError, ValueError):  # the parent has gone
        report.write(json.dumps(message) + "\n")
        report.flush()


def _tell_ready(server: Any, report: TextIO) -> None:
    from outrider._exceptions import OutriderError

    try:
        server.wait_ready()
    except OutriderError:
        return  # run() raises it
    _send(report, {"ready": True})


def _answer(server: Any, message: dict[str, Any], report: TextIO) -> None:
    from outrider._process_messages import from_error, from_report
    from outrider._stop import StopPolicy, StopReport

    arguments = message["arguments"]
    if arguments.get("policy") is not None:
        arguments["policy"] = StopPolicy(**arguments["policy"])
    answer: dict[str, Any] = {"number": message["number"]}
    try:
        if message["ask"] == "requests":
            answer["result"] = server.requests
        elif message["ask"] == "errors":
            answer["result"] = [from_error(error) for error in server.errors]
        elif message["ask"] == "watch_exchanges":
            server._watch_exchanges(lambda: _send(report, {"exchange": True}))
        else:
            result = getattr(server, message["ask"])(**arguments)
            answer["result"] = from_report(result) if isinstance(result, StopReport) else result
    except BaseException as error:
        answer["error"] = from_error(error)
    _send(report, {"answer": answer})


def _obey(server: Any, control: TextIO, report: TextIO) -> None:
    from outrider._stop import StopPolicy

    for line in control:
        message = json.loads(line)
        if "stop" in message:
            server.request_stop(StopPolicy(**message["stop"]))
        else:
            # Of its own, so that a stop gets through meanwhile.
            threading.Thread(target=_answer, args=(server, message, report), daemon=True).start()
    threading.Timer(_ORPHAN_SECONDS, os._exit, [1]).start()
    server.request_stop(StopPolicy())
