# SPDX-License-Identifier: MIT
"""Every option of a server, once: ``Server``, ``serve()``, ``run()`` and the command line derive from it."""

from __future__ import annotations

import dataclasses
import difflib
import functools
import inspect
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

from outrider._engine import check_access_format, check_headers, check_proxies, check_request_id
from outrider._logs import LEVELS
from outrider._stop import SECONDS_MAX
from outrider._tls import check_tls
from outrider._uvicorn_options import take_uvicorn_options

LIFESPANS = ("auto", "on", "off")
ISOLATIONS = ("thread", "none", "process")
OUTPUTS = ("capture", "inherit")
LOG_LEVELS = tuple(LEVELS)
# The others are uvicorn's names of its implementations: there is one here.
WEBSOCKETS = ("auto", "none", "websockets", "websockets-sansio", "wsproto")
# The system's descriptors and backlogs.
_INT_MAX = 2**31 - 1


def option(default: Any, help: str, **metadata: Any) -> Any:
    """A field with its help text; ``metadata`` may hold ``choices``, ``least`` and ``most`` of a number,
    ``cli=False``, ``secret`` (no part of the repr), and the ``flag`` of an option that may be given several times."""
    return field(default=default, repr=not metadata.get("secret"), metadata={"help": help, **metadata})


@dataclass(frozen=True)
class Config:
    """The options of one server. Immutable; checked when made (``ValueError``, ``TypeError``).

    ``app`` is an ASGI application, or ``"module:attribute"`` to be imported when the server starts.
    Times are seconds, sizes bytes.
    """

    app: Any
    _: KW_ONLY
    # Each default is an immutable value: option() only adds the help text.
    factory: bool = option(False, "APP is a callable that makes the application")
    factory_arguments: Mapping[str, Any] | None = option(
        None, "what the factory is called with; JSON's types where it runs in another process", cli=False
    )
    host: str = option("127.0.0.1", "address or name to listen on")
    port: int = option(8000, "port to listen on; 0 takes a free one")
    uds: str | None = option(None, "path of a Unix socket to listen on instead of host and port")
    fd: int | None = option(None, "descriptor of a bound socket to listen on instead of host and port", most=_INT_MAX)
    lifespan: str = option("auto", "whether the application has a lifespan", choices=LIFESPANS)
    loop: str | Callable[[], Any] = option("auto", "event loop: auto, asyncio, uvloop, or module:factory")
    log_level: str | int | None = option(
        None, "level of the logger 'outrider' while the server runs", choices=LOG_LEVELS
    )
    access_log: bool = option(True, "log each request: to the logger 'outrider.access' at level info, or to a file")
    access_log_format: str | None = option(
        None,
        "common, combined, json, plain, or directives such as '%h \"%r\" %s %D'; by default plain for the logger, "
        "combined for a file",
    )
    access_log_file: str | int | None = option(
        None, "file that the access log is appended to instead of the logger; - for standard output"
    )
    request_id: str | None = option(
        None, "header that gives each request an id, for example x-request-id; requests have none by default"
    )
    trust_request_id: bool = option(False, "keep a valid id that a request brings (from a proxy)")
    root_path: str = option("", "prefix that a proxy has taken off the path")
    trusted_proxies: str | Sequence[str] = option(
        "",
        "proxies that are believed who a request's client is: addresses, networks, 'unix', or '*' for whoever connects",
    )
    proxy_headers: str | Sequence[str] = option(
        "forwarded,x-forwarded-for,x-forwarded-proto",
        "header fields that they are believed; also x-forwarded-host and x-forwarded-port",
    )
    proxy_protocol: bool = option(
        False, "every connection is one of a trusted proxy and begins with a PROXY header, version 1 or 2"
    )
    tls: bool = option(False, "https with a throw-away certificate for localhost, 127.0.0.1, ::1 and host: for tests")
    ssl_certfile: str | None = option(
        None,
        "https with this certificate and what leads to its authority: PEM file; from Python also PEM text or bytes",
        secret=True,
    )
    ssl_keyfile: str | None = option(None, "its private key, likewise; by default in the same file", secret=True)
    ssl_keyfile_password: str | None = option(None, "of an encrypted private key", secret=True)
    ssl_more_certs: Sequence[tuple[str, str]] = option(
        (),
        "a certificate and its key for clients that name another server (SNI)",
        flag="--ssl-more-cert",
        metavar="CERTFILE:KEYFILE",
        secret=True,
    )
    ssl_cert_reqs: int = option(0, "whether clients are asked for certificates: 0 no, 1 they may have one, 2 they must")
    ssl_ca_certs: str | None = option(None, "authorities that clients' certificates are checked against, likewise")
    ssl_minimum_version: str = option("1.2", "the oldest version of TLS that is spoken", choices=("1.2", "1.3"))
    ssl_ciphers: str | None = option(None, "of TLS 1.2, by OpenSSL's names; by default those with forward secrecy")
    backlog: int = option(2048, "connections that may wait to be accepted", least=1, most=_INT_MAX)
    server_header: bool = option(True, "send a Server field")
    date_header: bool = option(True, "send a Date field")
    headers: Sequence[tuple[str, str]] = option(
        (), "a header that every response has unless the application sets one of that name", flag="--header"
    )
    name: str | None = option(
        None, "of the server, in its repr, thread and log; of each name one runs at a time in this process", cli=False
    )
    replace: bool = option(
        False,
        "a running server of that name is stopped first, and its port taken over when port is 0: for notebooks",
        cli=False,
    )
    isolation: str = option("thread", "where start() runs the application", choices=ISOLATIONS, cli=False)
    output: str = option(
        "capture",
        "what becomes of the output of a server's process: Server.output, or the program's own",
        choices=OUTPUTS,
        cli=False,
    )
    process_restarts: int = option(
        0, "how often a server's process that ends by itself is replaced by a new one", cli=False
    )
    on_ready: Callable[[Any], Any] | None = option(
        None, "called with the server, on a thread of its own, once it accepts connections", cli=False
    )
    on_stop: Callable[[Any], Any] | None = option(
        None, "called with the report when a server that was ready has stopped, before stop() returns", cli=False
    )
    on_debug: Callable[[str, dict[str, Any]], Any] | None = option(
        None,
        "called with a request line and what the application sends as http.response.debug, which is offered then",
        cli=False,
    )
    request_log: int = option(256, "how many requests Server.requests keeps", cli=False, most=1_000_000)

    request_line_bytes_max: int = option(16 * 1024, "bytes of a request line; more is answered 414", least=1)
    head_bytes_max: int = option(64 * 1024, "bytes of a request head; more is answered 431", least=1)
    header_count_max: int = option(128, "header fields of a request; more is answered 431", least=1)
    body_bytes_max: int = option(0, "bytes of a request body; more is answered 413; 0 for no limit")
    body_buffer_bytes_max: int = option(
        256 * 1024, "bytes of a request body that wait for the application; reading stops above", least=1
    )
    write_buffer_bytes_max: int = option(
        256 * 1024, "bytes of responses that wait for the client; send() waits above", least=1
    )
    pipeline_bytes_max: int = option(
        64 * 1024, "bytes of further requests that wait while one is answered; reading stops above", least=1
    )
    connections_max: int = option(0, "open connections; more are closed at once; 0 for no limit")
    connections_per_address_max: int = option(
        0, "open connections from an IPv4 address or an IPv6 /64; more are closed at once; 0 for no limit"
    )
    exchanges_max: int = option(0, "requests that are answered at the same time; more are answered 503; 0 for no limit")
    exchanges_per_connection_max: int = option(0, "requests on one connection, then it is closed; 0 for no limit")
    tls_handshakes_max: int = option(1000, "TLS handshakes at the same time; more wait; 0 for no limit")
    timeout_tls_handshake: float = option(
        10.0, "seconds for a TLS handshake, the wait for tls_handshakes_max included; 0 for no limit"
    )
    timeout_keep_alive: float = option(75.0, "seconds that an idle connection is kept; 0 for no limit")
    timeout_head: float = option(30.0, "seconds for a request head to arrive; then 408; 0 for no limit")
    timeout_body: float = option(
        30.0, "seconds of waiting for a request body after which too little of it is answered 408; 0 for no limit"
    )
    body_rate_min: int = option(240, "bytes per second of an awaited request body, on average over timeout_body")
    timeout_request: float = option(
        0.0, "seconds from a request's first byte to its response's end; then 503 or a cut connection; 0 for no limit"
    )
    timeout_write: float = option(
        30.0, "seconds without the client taking a byte; then the connection is cut; 0 for no limit"
    )
    timeout_linger: float = option(
        2.0, "seconds for the client to read the last answer and close, after the server has closed its side"
    )
    timeout_graceful_shutdown: float | None = option(
        None, "seconds that running requests have when the server stops; default 30 in run(), 1 beside a program"
    )
    ws: str = option(
        "auto", "none: handshakes of WebSockets are requests as others; all else is auto", choices=WEBSOCKETS
    )
    ws_max_size: int = option(
        16 * 1024 * 1024, "bytes of a WebSocket message, decompressed; more closes it with 1009", least=1
    )
    ws_frame_max: int = option(0, "bytes of a WebSocket frame; more closes it with 1009; 0: as many as a message")
    ws_max_queue: int = option(32, "WebSocket messages that wait for the application; reading stops above", least=1)
    ws_queue_bytes_max: int = option(
        256 * 1024, "bytes of WebSocket messages that wait for the application; reading stops above", least=1
    )
    ws_ping_interval: float | None = option(20.0, "seconds between two pings to a WebSocket's client; 0 for none")
    ws_ping_timeout: float | None = option(
        20.0, "seconds for a WebSocket's client to answer a ping; then it is closed; 0 for no limit"
    )
    ws_close_timeout: float = option(
        10.0, "seconds for a WebSocket's client to answer the closing; then the connection is cut; 0 for no limit"
    )
    ws_per_message_deflate: bool = option(True, "compress WebSocket messages for clients that offer it")
    ws_deflate_server_max_window_bits: int = option(
        12, "the window that messages to the client are compressed with, as a power of two", least=9, most=15
    )
    ws_deflate_client_max_window_bits: int = option(
        12, "the window that clients are told to compress with, as a power of two", least=9, most=15
    )
    ws_deflate_server_no_context_takeover: bool = option(False, "compress each message to the client for itself")
    ws_deflate_client_no_context_takeover: bool = option(False, "have clients compress each message for itself")
    ws_deflate_memory_level: int = option(5, "zlib's memLevel for WebSocket messages", least=1, most=9)
    ws_deflate_level: int = option(1, "zlib's level for WebSocket messages", least=1, most=9)
    ws_deflate_message_bytes_min: int = option(256, "bytes of a WebSocket message from which on it is compressed")
    start_timeout: float = option(60.0, "seconds for the application to start up; then the start fails; 0 for no limit")
    stop_after: int = option(0, "requests after which the server stops by itself; 0 for no limit")
    idle_timeout: float = option(
        0.0, "seconds without a request after which the server stops by itself; 0 for no limit"
    )
    timeout_lifespan: float | None = option(
        None, "seconds for the lifespan's shutdown; default 30 in run(), 2 beside a program"
    )

    def __post_init__(self) -> None:
        for spec in dataclasses.fields(self):
            if spec.name != "app":
                _check(spec, getattr(self, spec.name))
        if self.port > 65535:
            raise ValueError(f"port={self.port!r} is not between 0 and 65535")
        if self.host.startswith("[") and self.host.endswith("]"):
            raise ValueError(f"host={self.host!r} is an IPv6 address in a URL's brackets: leave them out")
        if self.root_path and (not self.root_path.startswith("/") or self.root_path.endswith("/")):
            advice = "/" + self.root_path.strip("/") if self.root_path.strip("/") else ""
            raise ValueError(f"root_path={self.root_path!r} begins with a slash and doesn't end with one: {advice!r}")
        if self.factory_arguments is not None and not self.factory:
            raise ValueError("factory_arguments are given, but not factory=True: nothing would be called with them")
        for name in ("on_ready", "on_stop", "on_debug"):
            if inspect.iscoroutinefunction(getattr(self, name)):
                raise TypeError(f"{name}={getattr(self, name)!r} is a coroutine function: nobody would await it")
        _check_name(self)
        if self.isolation == "process":
            _check_tellable(self)
        elif self.output != "capture" or self.process_restarts > 0:
            raise ValueError("output and process_restarts are for a server with isolation='process'")
        object.__setattr__(self, "headers", _checked_headers(self.headers))
        self._check_proxies()
        check_tls(self)
        _check_logs(self)
        if self.uds is not None and self.fd is not None:
            raise ValueError("uds and fd can't be used together: choose one place to listen on")

    def _check_proxies(self) -> None:
        trusted, fields, proxy_protocol = self.proxies()
        for name, of_that in (("trusted_proxies", (trusted, [])), ("proxy_headers", ([], fields))):
            try:
                check_proxies(*of_that)
            except ValueError as error:
                raise ValueError(f"{name}={getattr(self, name)!r}: {error}") from None
        if proxy_protocol and not trusted:
            raise ValueError(
                "proxy_protocol=True without trusted_proxies: name the proxies that may speak it ('*' for whoever "
                "connects)"
            )

    def proxies(self) -> tuple[list[str], list[str], bool]:
        """What ``Engine.trust()`` takes."""
        trusted = _list("trusted_proxies", self.trusted_proxies)
        return trusted, _list("proxy_headers", self.proxy_headers), self.proxy_protocol

    @property
    def is_secured(self) -> bool:
        """Whether the server speaks https."""
        return self.tls or self.ssl_certfile is not None

    def limits(self) -> dict[str, Any]:
        """The limits by the engine's names."""
        return {
            "request_line_bytes_max": self.request_line_bytes_max,
            "head_bytes_max": self.head_bytes_max,
            "header_count_max": self.header_count_max,
            "body_bytes_max": self.body_bytes_max,
            "body_buffer_bytes_max": self.body_buffer_bytes_max,
            "write_buffer_bytes_max": self.write_buffer_bytes_max,
            "pipeline_bytes_max": self.pipeline_bytes_max,
            "connections_max": self.connections_max,
            "connections_per_address_max": self.connections_per_address_max,
            "exchanges_max": self.exchanges_max,
            "exchanges_per_connection_max": self.exchanges_per_connection_max,
            "tls_handshakes_max": self.tls_handshakes_max,
            "tls_handshake_timeout": self.timeout_tls_handshake,
            "keep_alive_timeout": self.timeout_keep_alive,
            "head_timeout": self.timeout_head,
            "body_timeout": self.timeout_body,
            "body_rate_min": self.body_rate_min,
            "request_timeout": self.timeout_request,
            "write_timeout": self.timeout_write,
            "linger_timeout": self.timeout_linger,
            "websocket_message_bytes_max": self.ws_max_size,
            "websocket_frame_bytes_max": self.ws_frame_max,
            "websocket_queue_max": self.ws_max_queue,
            "websocket_queue_bytes_max": self.ws_queue_bytes_max,
            "websocket_ping_interval": self.ws_ping_interval or 0.0,
            "websocket_ping_timeout": self.ws_ping_timeout or 0.0,
            "websocket_close_timeout": self.ws_close_timeout,
        }

    def websocket_deflate(self) -> dict[str, bool | int]:
        """What ``Engine.take_websockets()`` takes."""
        return {
            "is_enabled": self.ws_per_message_deflate,
            "server_max_window_bits": self.ws_deflate_server_max_window_bits,
            "client_max_window_bits": self.ws_deflate_client_max_window_bits,
            "server_no_context_takeover": self.ws_deflate_server_no_context_takeover,
            "client_no_context_takeover": self.ws_deflate_client_no_context_takeover,
            "memory_level": self.ws_deflate_memory_level,
            "level": self.ws_deflate_level,
            "message_bytes_min": self.ws_deflate_message_bytes_min,
        }


def _list(name: str, value: str | Sequence[str]) -> list[str]:
    """The parts of a comma-separated text, or of a sequence. Raises ``TypeError``."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    for part in value:
        if not isinstance(part, str):
            raise TypeError(f"{name}={value!r} has {part!r} ({type(part).__name__}), which must be str")
    return list(value)


# What an option's annotation allows; what isn't here is checked where it is used.
_KINDS: dict[str, tuple[type, ...]] = {
    "bool": (bool,),
    "int": (int,),
    "float": (int, float),
    "str": (str,),
    "None": (type(None),),
    "Mapping[str, Any]": (Mapping,),
    "Sequence[tuple[str, str]]": (list, tuple),
    "Sequence[str]": (list, tuple),
}


def _check(spec: dataclasses.Field[Any], value: Any) -> None:
    """Raises ``TypeError`` or ``ValueError``, naming the option and the value."""
    names = str(spec.type).split(" | ")
    allowed = [kind for name in names for kind in _KINDS.get(name, ())]
    is_right = isinstance(value, tuple(allowed)) and (bool in allowed or not isinstance(value, bool))
    if not is_right and not (callable(value) and any(name.startswith("Callable") for name in names)):
        hint = f": did you mean {int(value)}?" if isinstance(value, str) and int in allowed and value.isdigit() else ""
        wanted = " or ".join("a function" if "Callable" in name else name.partition("[")[0] for name in names)
        raise TypeError(f"{spec.name}={value!r} ({type(value).__name__}) must be {wanted}{hint}")
    if isinstance(value, (int, float)) and not isinstance(value, bool) and spec.name != "log_level":
        least = spec.metadata.get("least", 0)
        most = spec.metadata.get("most", SECONDS_MAX if "float" in names else sys.maxsize)
        if not least <= value <= most:
            is_short = "most" not in spec.metadata and not value > most
            wanted = (
                f"of at least {least}"
                if is_short
                else f"from {least} to {most:{'g' if isinstance(most, float) else 'd'}}"
            )
            raise ValueError(f"{spec.name}={value!r} must be a number {wanted}")
    choices = spec.metadata.get("choices")
    if choices and isinstance(value, str) and value not in choices:
        raise ValueError(f"{spec.name}={value!r} is not one of {', '.join(map(repr, choices))}")


def _checked_headers(headers: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    for header in headers:
        if not (
            isinstance(header, (list, tuple)) and len(header) == 2 and all(isinstance(part, str) for part in header)
        ):
            raise TypeError(f"headers={headers!r}: {header!r} is not a pair of str, the name and the value")
    checked = tuple((name, value) for name, value in headers)
    check_headers(checked)
    return checked


def _check_logs(config: Config) -> None:
    """Raises ``ValueError`` for logs that nobody would get."""
    if not config.access_log:
        for name in ("access_log_format", "access_log_file"):
            if getattr(config, name) is not None:
                raise ValueError(f"{name}={getattr(config, name)!r} is of no use with access_log=False")
    if config.access_log_file == "":
        raise ValueError("access_log_file='' is no file: give its path, '-' for standard output, or None")
    if config.access_log_format is not None:
        check_access_format(config.access_log_format)
    if config.request_id is not None:
        check_request_id(config.request_id)
    elif config.trust_request_id:
        raise ValueError("trust_request_id=True needs request_id: the header to trust, 'x-request-id' for example")


def _check_name(config: Config) -> None:
    if config.name is not None and not (config.name.isprintable() and config.name.strip()):
        raise ValueError(f"name={config.name!r} must be printable, and not empty: it is shown in logs")
    if config.replace and config.name is None:
        raise ValueError("replace=True needs a name: name='shop' for example, which says what is replaced")


def _check_tellable(config: Config) -> None:
    """Raises ``TypeError`` for options that can't be told to another process."""
    if isinstance(config.access_log_file, int):
        raise TypeError(
            f"access_log_file={config.access_log_file!r} is a descriptor, which another process hasn't: with "
            "isolation='process' give a path, or '-' for its output"
        )
    if not isinstance(config.loop, str):
        raise TypeError(f"loop={config.loop!r} must be a name such as 'module:factory' with isolation='process'")
    if config.on_debug is not None:
        raise TypeError(f"on_debug={config.on_debug!r} can't be called from another process: isolation='process'")
    try:
        json.dumps(dict(config.factory_arguments or {}))
    except (TypeError, ValueError) as error:
        arguments = config.factory_arguments
        raise TypeError(
            f"factory_arguments={arguments!r} must be of JSON's types with isolation='process': {error}"
        ) from error


def _with_uvicorn_options(init: Callable[..., None]) -> Callable[..., None]:
    """``Config.__init__``, taking uvicorn's other options as well, and naming what may have been meant."""
    known = [spec.name for spec in dataclasses.fields(Config)]

    @functools.wraps(init)
    def checked(self: Config, /, *arguments: Any, **options: Any) -> None:
        options = take_uvicorn_options(options)
        for name in options:
            if name not in known:
                close = difflib.get_close_matches(name, known, n=1)
                hint = f": did you mean {close[0]}?" if close else "; outrider --help lists them"
                raise TypeError(f"there is no option {name!r}{hint}")
        init(self, *arguments, **options)

    return checked


Config.__init__ = _with_uvicorn_options(Config.__init__)  # type: ignore[method-assign]
