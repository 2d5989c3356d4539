# SPDX-License-Identifier: MIT
"""What a program and its server's process tell each other, as JSON: reports and errors, there and back."""

from __future__ import annotations

import dataclasses
import traceback
from typing import Any

from outrider._exceptions import AppImportError, BindError, LifespanError, ProcessError, StartError, StateError
from outrider._stop import StopReport

Message = dict[str, Any]

# What is raised again as what it was. Everything else the application's own: a ProcessError.
_KINDS: dict[str, type[Exception]] = {
    kind.__name__: kind
    for kind in (
        AppImportError,
        BindError,
        LifespanError,
        ProcessError,
        StartError,
        StateError,
        TimeoutError,
        TypeError,
    )
}


def from_report(report: StopReport) -> Message:
    error = report.lifespan_error
    fields = dataclasses.asdict(dataclasses.replace(report, lifespan_error=None))
    return {**fields, "lifespan_error": repr(error) if error is not None else None}


def to_report(fields: Message) -> StopReport:
    error = fields["lifespan_error"]
    held_up = tuple(fields["held_up"])
    return StopReport(**{**fields, "held_up": held_up, "lifespan_error": ProcessError(error) if error else None})


def from_error(error: BaseException) -> Message:
    text = "".join(traceback.format_exception(error))
    return {"type": type(error).__name__, "message": str(error), "traceback": text}


def to_error(fields: Message, default: type[Exception] = ProcessError) -> Exception:
    """The exception that was raised there, with its traceback as the cause."""
    error = _KINDS.get(fields["type"], default)(fields["message"])
    error.__cause__ = ProcessError("in the server's process:\n" + fields["traceback"])
    return error
