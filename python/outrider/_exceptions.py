# SPDX-License-Identifier: MIT
"""What Outrider raises.

::

    OutriderError
    ├── StartError                  a server could not start; __cause__ is what went wrong
    │   ├── BindError (OSError)     the address can't be bound or listened on; has .errno
    │   ├── AppImportError          the application can't be found, or isn't one
    │   └── LifespanError           the application's lifespan startup failed
    ├── ProcessError                the server's process (isolation="process") ended unexpectedly
    ├── StateError (RuntimeError)   the call doesn't fit the server's state
    ├── ProtocolError (RuntimeError) the application sent a message that breaks the ASGI rules
    └── ClientDisconnected (OSError) the application sent to a client that has gone
"""

from __future__ import annotations


class OutriderError(Exception):
    """The base of everything here."""


class StartError(OutriderError):
    """A server could not start. ``__cause__`` is the exception that says why, where there was one.

    Nothing is left running. Raised by ``start()``, ``wait_ready()``, ``run()``, ``serve()`` and by reading
    ``started`` of a server whose start failed in another thread.
    """


class BindError(StartError, OSError):
    """The address can't be bound or listened on; ``errno`` says why, the message names the address."""


class AppImportError(StartError):
    """The application named by an import string can't be found, or what was given isn't an ASGI application."""


class LifespanError(StartError):
    """The application's lifespan startup raised, or answered ``lifespan.startup.failed``."""


class ProcessError(OutriderError):
    """The process of a server with ``isolation="process"`` ended though nobody had stopped it."""


class StateError(OutriderError, RuntimeError):
    """The call doesn't fit the server's state: reading ``url`` before it is known, starting a server twice."""


class StoppedEarly(StateError):
    """The server was stopped before it was ready. Internal: callers see a ``StateError``, ``run()`` returns."""


class ProtocolError(OutriderError, RuntimeError):
    """The application sent a message out of order, or one that would make a malformed response.

    Raised to the application, in the ``send()`` concerned; the client gets a 500, or a cut connection when the
    response had begun. (ASGI 3.0, "HTTP & WebSocket message format".)
    """


class ClientDisconnected(OutriderError, OSError):
    """The client has gone: raised by ``send()`` (ASGI 2.4 of the HTTP message format asks for an OSError)."""
