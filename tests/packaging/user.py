"""What a user's type checker sees of the installed package."""

from typing import Any

import outrider


def first_port(app: Any) -> int:
    with outrider.serve(app, host="127.0.0.1") as server:
        print(server.url.upper())
        return server.port + 0
