"""Outrider's engine. Internal: use the outrider package."""

import asyncio

class Engine:
    """
    One engine: its sockets, then (attached) its connections on a host event loop. Internal: use
    outrider.Server. Every method belongs to the loop's thread once attach() was called.
    """

    def __init__(
        self,
        limits: dict[str, float],
        server_header: bool,
        date_header: bool,
        headers: tuple[tuple[str, str], ...],
        records: int,
    ) -> None: ...
    def bind_tcp(self, host: str, port: int, reuse_port: bool) -> None:
        """Binds a TCP socket; port 0 takes a free one. Raises OSError."""

    def bind_unix(self, path: str) -> None:
        """Binds a Unix socket. Raises OSError."""

    def adopt(self, fd: int) -> None:
        """Takes a duplicate of a bound socket. Raises OSError."""

    def trust(self, proxies: list[str], fields: list[str], proxy_protocol: bool) -> None:
        """
        Whom to believe what of the origin of requests; before attach(). Raises ValueError.
        """

    def take_websockets(self, deflate: dict[str, bool | int]) -> None:
        """
        Lets the application have WebSockets, compressed in that way; before attach().
        """

    @property
    def filenos(self) -> list[int]:
        """The descriptors of the sockets, before attach()."""

    @property
    def addresses(self) -> list[tuple[str, int | None]]:
        """Where the sockets are bound."""

    @property
    def urls(self) -> list[str]:
        """The same as URLs."""

    def attach(
        self,
        host: object,
        app: object,
        context: object,
        state: object | None,
        callbacks: dict[str, object],
        root_path: str,
    ) -> None:
        """Nests the engine in the running event loop `host`."""

    def swap(
        self,
        host: object,
        app: object,
        context: object,
        state: object | None,
        callbacks: dict[str, object],
        root_path: str,
    ) -> None:
        """
        Puts another application in the place of the one; running requests stay with theirs.
        """

    def end_exchanges(
        self, grace: float, disconnect: float, cancel: float, streams_have_grace: bool, done: object
    ) -> None:
        """
        Ends the application's exchanges in stages, while connections go on; done() is called as by drain().
        """

    def listen(self, backlog: int) -> None:
        """Starts accepting. Raises OSError."""

    def drain(self, grace: float, disconnect: float, cancel: float, streams_have_grace: bool, done: object) -> None:
        """
        Stops in stages; done(completed, disconnected, cancelled, aborted, held_up) is called once.
        """

    def on_exchange(self, callback: object) -> None:
        """Calls callback() after each exchange."""

    def hold(self, quiet: object) -> None:
        """
        Accepts nothing, closes idle connections; quiet(True) is called when no exchange is running.
        """

    def go_on(self) -> None:
        """Ends a hold()."""

    def on_exhausted(self, callback: object) -> None:
        """
        Calls callback(text) when there is nothing left to accept connections with.
        """

    def on_held_up(self, after: float, callback: object) -> None:
        """Calls callback(running) when a drain has lasted for `after` seconds."""

    @property
    def running(self) -> list[str]:
        """The exchanges that are running: 'GET /slow (5.2 s)'."""

    @property
    def tasks(self) -> set[asyncio.Task[object]]:
        """The application's tasks that are still running."""

    @property
    def records(self) -> list[tuple[str, str, int, float, str]]:
        """
        The last exchanges: (method, target, status, milliseconds, request id).
        """

    def forget_records(self) -> None:
        """Those of exchanges that have ended."""

    @property
    def connection_count(self) -> int:
        """Open connections."""

    @property
    def exchange_count(self) -> int:
        """Exchanges under way."""

    @property
    def exchanges_total(self) -> int:
        """Exchanges begun so far."""

    def close(self) -> None:
        """Ends everything at once. Idempotent."""

    def log_access(self, format: str, logger: object, callback: object) -> None:
        """
        Calls callback(line, fields) after each exchange while the logger takes records of level info.
        """

    def open_access_log(self, where: int | str, format: str, trouble: object) -> None:
        """
        Opens the file (or takes the descriptor) that the engine writes its access log to once it is attached;
        trouble(message) is called when it can't. Raises OSError.
        """

    def reopen_access_log(self) -> None:
        """
        Opens the access log's file by its path again. Raises OSError. From any thread.
        """

    def give_request_ids(self, name: str, trusts_peer: bool) -> None:
        """
        Gives each request an id in the header field of that name. Before attach().
        """

    def on_refused(self, logger: object, level: int, callback: object) -> None:
        """
        Calls callback(text) for each request that the engine refuses, while the logger takes that level.
        """

    def secure(self, tls: dict[str, object]) -> None:
        """
        https instead of http, with what outrider._tls says; before attach(). Raises OSError.
        """

    def reload_tls(self, tls: dict[str, object]) -> None:
        """
        The same for connections from now on. Raises OSError; nothing has changed then. From any thread.
        """

    @property
    def tls_warnings(self) -> list[str]:
        """Of certificates that aren't valid now."""

    @property
    def chromium_arguments(self) -> list[str]:
        """What makes Chromium accept the certificate; none without TLS."""

def check_headers(headers: tuple[tuple[str, str], ...]) -> None:
    """Raises ValueError for a header that no response could have."""

def check_proxies(proxies: list[str], fields: list[str]) -> None:
    """
    Raises ValueError for the first that is no network, or no field that tells a request's origin.
    """

def check_access_format(format: str) -> None:
    """
    Raises ValueError for a format of the access log that can't be used, and says why.
    """

def check_request_id(name: str) -> None:
    """
    Raises ValueError for a name of a header field that can't have request ids, and says why.
    """

class Poller:
    """
    The epoll_wait() of a background event loop. Internal: see outrider._selector.
    """

    def __init__(self, fd: int) -> None: ...
    def poll(self, timeout_ms: int, count_max: int) -> list[tuple[int, int]]:
        """Waits at most timeout_ms (-1: no limit); returns [(fd, events), ...]."""

def throw_away_certificate(names: list[str]) -> tuple[str, str, str]:
    """
    A certificate, its key and the authority that made it, as PEM text. Raises ValueError.
    """
