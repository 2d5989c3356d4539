"""A mock of somebody else's API, and a look at what the code under test asked of it."""

import json
import urllib.request
from typing import Any

import outrider


async def weather_service(scope: Any, receive: Any, send: Any) -> None:
    assert scope["type"] == "http"
    body = json.dumps({"place": scope["path"].strip("/"), "degrees": 21}).encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


def is_warm(place: str, service: str) -> bool:  # the code under test
    with urllib.request.urlopen(f"{service}/{place}") as answer:
        return bool(json.load(answer)["degrees"] > 18)


with outrider.serve(weather_service) as server:
    assert is_warm("Lisbon", server.url)

for request in server.requests:
    print(request.method, request.path, request.status)
