"""Start a server, know its address, use it, stop it; the program goes on all the while."""

import httpx
import outrider
from fastapi import FastAPI

app = FastAPI()


@app.get("/")
def hello() -> dict[str, str]:
    return {"hello": "from beside you"}


with outrider.serve(app) as server:
    print(server.url, httpx.get(server.url).json())
