"""Start a server, know its address, use it, stop it; the program goes on all the while."""

import httpx
from fastapi import FastAPI

import outrider

app = FastAPI()


@app.get("/")
def hello() -> dict[str, str]:
    return {"hello": "from beside you"}


with outrider.serve(app) as server:
    print(server.url, httpx.get(server.url).json())
