"""A file of a few blocks and a bit, for every application's GET /download."""

from __future__ import annotations

import atexit
import tempfile
from pathlib import Path

NAME = "ride.bin"
CONTENT = bytes(range(256)) * 1024 + b"the last bit"

_folder = tempfile.TemporaryDirectory(prefix="outrider-test-")
atexit.register(_folder.cleanup)

PATH = Path(_folder.name) / NAME
PATH.write_bytes(CONTENT)
