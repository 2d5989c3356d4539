# SPDX-License-Identifier: MIT
"""uvicorn's names for what a Server has and does, so that programs written for it run with Outrider."""

from __future__ import annotations

import asyncio
import signal
from types import FrameType
from typing import Any

from outrider._state import State
from outrider._stop import StopPolicy

# uvicorn's options that Outrider hasn't, with the values that mean here what they mean there: nothing to do. Any other
# value is refused with the reason. "ssl_" stands for all of that beginning.
_NEUTRAL: dict[str, tuple[tuple[Any, ...], str]] = {
    "workers": ((None, 1), "there is one process; start several programs on one socket (fd=) for more"),
    "reload": ((None, False), "there is no reloading yet"),
    "reload_dirs": ((None, "", []), "there is no reloading yet"),
    "reload_includes": ((None, "", []), "there is no reloading yet"),
    "reload_excludes": ((None, "", []), "there is no reloading yet"),
    "reload_delay": ((None, 0.25), "there is no reloading yet"),
    "log_config": ((None,), "Outrider sets up no logging: use logging.config.dictConfig() for that"),
    "use_colors": ((None, False), "Outrider sets up no logging, and so no colours"),
    "proxy_headers": ((None, False), "headers of a proxy aren't read yet"),
    "forwarded_allow_ips": ((None,), "headers of a proxy aren't read yet"),
    "http": (("auto", "h11", "httptools"), "there is one HTTP implementation, Outrider's own"),
    "ws": (("auto", "none"), "there are no WebSockets yet"),
    "interface": (("auto", "asgi3"), "applications are ASGI 3 here"),
    "app_dir": ((None, ""), "put the folder on sys.path, or start the program in it"),
    "env_file": ((None,), "load it before, with python-dotenv for example"),
    "headers": ((None, []), "let the application add response headers"),
    "limit_concurrency": ((None,), "there is connections_max"),
    "limit_max_requests": ((None,), "a server isn't replaced after so many requests"),
    "h11_max_incomplete_event_size": ((None,), "there is head_bytes_max"),
    "callback_notify": ((None,), "nothing calls it"),
    "timeout_notify": ((None, 30), "nothing calls it"),
    "timeout_worker_healthcheck": ((None, 5), "there are no workers"),
    "ssl_": ((None, "", 17, 2, 0, "TLSv1"), "there is no TLS yet: put a proxy in front"),
    "ws_": ((None, 16777216, 32, 20.0, 20, True), "there are no WebSockets yet"),
}


def take_uvicorn_options(options: dict[str, Any]) -> dict[str, Any]:
    """``options`` without uvicorn's that Outrider hasn't. Raises ``ValueError`` where one asks for something."""
    kept = {}
    for name, value in options.items():
        prefix = name.partition("_")[0] + "_"
        rule = _NEUTRAL.get(name) or (_NEUTRAL.get(prefix) if prefix in ("ssl_", "ws_") else None)
        if rule is None:
            kept[name] = value
        elif value not in rule[0]:
            raise ValueError(f"{name}={value!r}, an option of uvicorn's, can't be had: {rule[1]}")
    return kept


class UvicornNames:
    """Mixed into ``Server``. Overriding these in a subclass works as it does in uvicorn."""

    _state: State
    _failure: BaseException | None
    _stop_policy: StopPolicy | None
    _loop: asyncio.AbstractEventLoop | None
    _force_exit: bool
    _saved_signals: dict[int, Any]
    _signals_seen: int

    def request_stop(self, policy: StopPolicy | None = None) -> None:
        """See ``Server.request_stop``."""
        raise NotImplementedError

    @property
    def started(self) -> bool:
        """Whether the server accepts connections. Raises ``StartError`` when its start failed, so that a loop which
        waits for it ends."""
        if self._failure is not None:
            raise self._failure
        return self._state in (State.READY, State.DRAINING)

    @property
    def should_exit(self) -> bool:
        """Whether a stop was asked for; setting it to True asks for one (``request_stop()``)."""
        return self._stop_policy is not None or self._state is State.STOPPED

    @should_exit.setter
    def should_exit(self, value: bool) -> None:
        if value:
            self.request_stop()
        elif self._loop is None:
            self._stop_policy = None

    @property
    def force_exit(self) -> bool:
        """Whether the stop is to cut everything off; setting it to True asks for that."""
        return self._force_exit

    @force_exit.setter
    def force_exit(self, value: bool) -> None:
        self._force_exit = value
        if value:
            self.request_stop()
            self.request_stop(StopPolicy.immediate())

    def install_signal_handlers(self) -> None:
        """Called by ``run()`` in the main thread; override it to leave the signals alone."""
        self._signals_seen = 0
        for number in (signal.SIGINT, signal.SIGTERM):
            self._saved_signals[number] = signal.signal(number, self.handle_exit)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The signal handler: the first signal stops with all the grace, a second one takes that away (what runs is
        told, and after half a second cancelled), a third cuts everything off."""
        self._signals_seen += 1
        if self._signals_seen == 1:
            self.should_exit = True
        elif self._signals_seen == 2:
            self.request_stop(StopPolicy(grace=0.0))
        else:
            self.force_exit = True

    def _restore_signal_handlers(self) -> None:
        for number, handler in self._saved_signals.items():
            signal.signal(number, handler)
        self._saved_signals.clear()
