"""A headless Chromium, driven over a pipe with its own protocol: no driver, no port, no package.

The pipe lets the page live in real time: a picture is taken when the page says it is ready, however
long its streams stay open.
"""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--no-proxy-server"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-dev-shm-usage", "--hide-scrollbars", "--remote-debugging-pipe"),
]

# Chromium reads its commands from descriptor 3 and answers on 4; Popen gives a child 0, 1 and 2.
MOVE_PIPES = 'exec "$0" "$@" 3<&0 4>&1 0</dev/null 1>/dev/null'


class BrowserError(Exception):
    """No browser here, or it doesn't do what it is told."""


class Browser:
    """One browser with one page."""

    def __init__(self, width: int = 1280, height: int = 800, timeout: float = 30.0) -> None:
        self.timeout = timeout  # seconds that one command may take
        self._received = bytearray()
        self._commands = 0
        self._page: str | None = None
        self._profile = tempfile.TemporaryDirectory(prefix="outrider-browser-", ignore_cleanup_errors=True)
        program = find()
        self._process = subprocess.Popen(
            ["/bin/sh", "-c", MOVE_PIPES, program, *FLAGS, f"--user-data-dir={self._profile.name}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
        )
        try:
            self.version: str = self.command("Browser.getVersion")["product"]
            target = self.command("Target.createTarget", url="about:blank")["targetId"]
            attached = self.command("Target.attachToTarget", targetId=target, flatten=True)
            self._page = attached["sessionId"]
            size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
            self.command("Emulation.setDeviceMetricsOverride", **size)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def go(self, url: str) -> None:
        """Turns to the address; returns when the page is read, not when all it asks for came."""
        trouble = self.command("Page.navigate", url=url).get("errorText")
        if trouble:
            raise BrowserError(f"the page at {url} can't be opened: {trouble}")
        self.run(
            "new Promise(read => document.readyState === 'loading'"
            " ? addEventListener('DOMContentLoaded', () => read()) : read())"
        )

    def run(self, script: str) -> Any:
        """The value of an expression in the page; a promise is waited for."""
        answer = self.command("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise BrowserError(f"the page's script failed: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def screenshot(self, path: Path) -> None:
        picture = self.command("Page.captureScreenshot", format="png")["data"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(picture))

    def close(self) -> None:
        try:
            if self._process.poll() is None:
                self._page = None
                self.command("Browser.close")
            self._process.wait(5)
        except (BrowserError, OSError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()
        finally:
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    pipe.close()
            self._profile.cleanup()

    def command(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._commands += 1
        message: dict[str, Any] = {"id": self._commands, "method": method, "params": parameters}
        if self._page is not None:
            message["sessionId"] = self._page
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + self.timeout
        while True:
            answer = self._read_message(method, deadline)
            if answer.get("id") == self._commands:
                break
        if "error" in answer:
            raise BrowserError(f"{method}: {answer['error']['message']}")
        result: dict[str, Any] = answer["result"]
        return result

    def _read_message(self, method: str, deadline: float) -> dict[str, Any]:
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        while b"\0" not in self._received:
            remaining = deadline - time.monotonic()
            if remaining <= 0 or not select.select([descriptor], [], [], remaining)[0]:
                raise BrowserError(f"{method}: no answer within {self.timeout:g} seconds")
            block = os.read(descriptor, 1 << 20)
            if not block:
                raise BrowserError(f"{method}: the browser has ended")
            self._received += block
        message, _, self._received = self._received.partition(b"\0")
        answer: dict[str, Any] = json.loads(message)
        return answer


def find() -> str:
    for name in NAMES:
        if program := shutil.which(name):
            return program
    raise BrowserError(
        "no Chromium on the PATH: install one (Debian: apt-get install chromium), "
        "or do without the picture (--no-browser)"
    )
