# SPDX-License-Identifier: MIT
"""How a server stops, and what stopping did."""

from __future__ import annotations

from dataclasses import dataclass

# More than anybody waits: thirty years.
SECONDS_MAX = 1e9


@dataclass(frozen=True, kw_only=True)
class StopPolicy:
    """The deadlines of a stop in seconds, stage after stage.

    Listeners and idle connections close at once. Then running exchanges have ``grace`` to finish by themselves;
    what still runs is told that its client is gone (``http.disconnect``) and has ``disconnect`` seconds; what still
    runs is cancelled and has ``cancel`` seconds; what is left is cut off. A stage that nothing is left for takes no
    time. ``streams_have_grace``: without it, a response that has begun and not ended is told at once, as
    WebSockets are in any case. At the end, the lifespan's shutdown has ``lifespan`` seconds. Raises ``TypeError`` or
    ``ValueError`` for what is no such time.
    """

    grace: float = 1.0
    disconnect: float = 0.5
    cancel: float = 0.5
    streams_have_grace: bool = False
    lifespan: float = 2.0

    def __post_init__(self) -> None:
        for name in ("grace", "disconnect", "cancel", "lifespan"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise TypeError(f"StopPolicy.{name}={value!r} ({type(value).__name__}) must be a number of seconds")
            if not 0 <= value <= SECONDS_MAX:
                raise ValueError(f"StopPolicy.{name}={value!r} must be a number of seconds from 0 to {SECONDS_MAX:.0e}")

    @classmethod
    def beside_program(cls, grace: float | None = None, lifespan: float | None = None) -> StopPolicy:
        """For a server beside a program: requests are over within two seconds, streams told at once, and the
        lifespan's shutdown has two more."""
        return cls(grace=1.0 if grace is None else grace, lifespan=2.0 if lifespan is None else lifespan)

    @classmethod
    def production(cls, grace: float | None = None, lifespan: float | None = None) -> StopPolicy:
        """For ``run()``: 30 seconds of grace for all, then 5 and 5, and 30 for the lifespan's shutdown."""
        return cls(
            grace=30.0 if grace is None else grace,
            disconnect=5.0,
            cancel=5.0,
            streams_have_grace=True,
            lifespan=30.0 if lifespan is None else lifespan,
        )

    @classmethod
    def immediate(cls) -> StopPolicy:
        """Cuts every request off at once; the lifespan's shutdown still runs, for a second at most."""
        return cls(grace=0.0, disconnect=0.0, cancel=0.0, lifespan=1.0)


def check_policy(policy: object) -> None:
    """Raises ``TypeError`` for anything but a policy or None."""
    if policy is not None and not isinstance(policy, StopPolicy):
        raise TypeError(f"{policy!r} is no stop policy: pass a StopPolicy, for example StopPolicy.immediate()")


@dataclass(frozen=True, kw_only=True)
class StopReport:
    """What a stop did with the exchanges that were running when it began.

    ``completed`` finished by themselves, ``disconnected`` after being told that the client is gone, ``cancelled``
    after being cancelled, ``aborted`` were cut off. ``abandoned`` counts tasks of the application that went on in
    spite of being cancelled, and were left behind. ``held_up`` names the exchanges that were running when the grace
    was over, with their age: ``"GET /slow (5.2 s)"``. ``elapsed`` is in seconds: from the request to stop to the end,
    lifespan included. ``lifespan`` is ``"completed"``, ``"failed"``, ``"timed out"``, ``"off"`` when the application
    has none, ``"pending"`` while the stop is still under way (``Server.stop()`` in a handler), ``"killed"`` when a
    server's process had to be terminated, or ended by itself; ``lifespan_error`` is the exception
    behind ``"failed"``, and the ``ProcessError`` behind the latter.
    """

    completed: int = 0
    disconnected: int = 0
    cancelled: int = 0
    aborted: int = 0
    abandoned: int = 0
    held_up: tuple[str, ...] = ()
    elapsed: float = 0.0
    lifespan: str = "off"
    lifespan_error: BaseException | None = None

    def __str__(self) -> str:
        return (
            f"stopped in {self.elapsed * 1000:.1f} ms: {self.completed} completed, {self.disconnected} disconnected, "
            f"{self.cancelled} cancelled, {self.aborted} aborted"
            f"{f', {self.abandoned} abandoned' if self.abandoned else ''}; lifespan {self.lifespan}"
        )
