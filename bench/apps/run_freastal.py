"""Starts freastal, which has no command line: run_freastal.py MODULE:APP PORT [CERTIFICATE KEY]."""

from __future__ import annotations

import importlib
import sys

import freastal

module, _, name = sys.argv[1].partition(":")
tls = dict(zip(("certfile", "keyfile"), sys.argv[3:]))
freastal.serve_asgi(getattr(importlib.import_module(module), name), host="127.0.0.1", port=int(sys.argv[2]), **tls)
