# SPDX-License-Identifier: MIT
"""Where a server is in its life."""

from __future__ import annotations

from enum import Enum


class State(Enum):
    """Where a server is in its life; the same states as the engine's (docs/design/lifecycle.md)."""

    CREATED = "created"
    STARTING = "starting"
    READY = "ready"
    DRAINING = "draining"
    STOPPED = "stopped"
    FAILED = "failed"
