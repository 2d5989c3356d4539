# SPDX-License-Identifier: MIT
"""How a server stops, and what stopping did."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class StopPolicy:
    """The deadlines of a stop in seconds, stage after stage.

    Listeners and idle connections close at once. Then running exchanges have ``grace`` to finish by themselves;
    what still runs is told that its client is gone (``http.disconnect``) and has ``disconnect`` seconds; what still
    runs is cancelled and has ``cancel`` seconds; what is left is cut off. A stage that nothing is left for takes no
    time. ``streams_have_grace``: without it, a response that has begun and not ended is told at once.
    """

    grace: float = 1.0
    disconnect: float = 0.5
    cancel: float = 0.5
    streams_have_grace: bool = False

    @classmethod
    def beside_program(cls, grace: float | None = None) -> StopPolicy:
        """For a server beside a program: over within two seconds, streams told at once."""
        return cls() if grace is None else cls(grace=grace)

    @classmethod
    def production(cls, grace: float | None = None) -> StopPolicy:
        """For ``run()``: 30 seconds of grace for all, then 5 and 5."""
        return cls(grace=30.0 if grace is None else grace, disconnect=5.0, cancel=5.0, streams_have_grace=True)

    @classmethod
    def immediate(cls) -> StopPolicy:
        """Cuts everything off at once."""
        return cls(grace=0.0, disconnect=0.0, cancel=0.0)


@dataclass(frozen=True, kw_only=True)
class StopReport:
    """What a stop did with the exchanges that were running when it began.

    ``completed`` finished by themselves, ``disconnected`` after being told that the client is gone, ``cancelled``
    after being cancelled, ``aborted`` were cut off. ``elapsed`` is in seconds, lifespan included. ``lifespan`` is
    ``"completed"``, ``"failed"``, ``"timed out"``, ``"off"`` when the application has none, ``"pending"`` while the
    stop is still under way (``Server.stop()`` in a handler); ``lifespan_error``
    the exception behind ``"failed"``.
    """

    completed: int = 0
    disconnected: int = 0
    cancelled: int = 0
    aborted: int = 0
    elapsed: float = 0.0
    lifespan: str = "off"
    lifespan_error: BaseException | None = None

    def __str__(self) -> str:
        return (
            f"stopped in {self.elapsed * 1000:.1f} ms: {self.completed} completed, {self.disconnected} disconnected, "
            f"{self.cancelled} cancelled, {self.aborted} aborted; lifespan {self.lifespan}"
        )
