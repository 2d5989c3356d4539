"""A client of somebody's weather service, which the recipes test against a mock of that."""

from __future__ import annotations

import http.client
import json
import ssl
import time
import urllib.error
import urllib.request
from typing import Any


class Weather:
    """``service`` is the URL of the API; ``context`` says whom to trust, of https."""

    def __init__(self, service: str, context: ssl.SSLContext | None = None, *, pause: float = 1.0) -> None:
        handlers = [urllib.request.ProxyHandler({})]  # the mock is on this machine
        self._opener = urllib.request.build_opener(*handlers, urllib.request.HTTPSHandler(context=context))
        self._service = service
        self._pause = pause

    def degrees(self, place: str) -> int:
        """Asks up to three times: the service is known to be busy, and to break off."""
        for _ in range(2):
            try:
                return int(self._ask("GET", f"/weather/{place}")["degrees"])
            except (OSError, ValueError, http.client.HTTPException):
                time.sleep(self._pause)
        return int(self._ask("GET", f"/weather/{place}")["degrees"])

    def report(self, place: str, degrees: int, key: str) -> int:
        """Tells the service what somebody measured; returns the report's number."""
        body = json.dumps({"place": place, "degrees": degrees}).encode()
        return int(self._ask("POST", "/reports", body, {"X-Key": key})["id"])

    def _ask(self, method: str, path: str, body: bytes | None = None, headers: Any = None) -> Any:
        request = urllib.request.Request(self._service + path, data=body, headers=headers or {}, method=method)
        try:
            with self._opener.open(request, timeout=10) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                raise OSError(f"the weather service answered {error.code}") from None
