"""A bot that goes about its work, with a page to ask how far it is and to send it home."""

import threading
import urllib.request

import outrider
from fastapi import FastAPI

app, home, letters = FastAPI(), threading.Event(), 0


@app.get("/")
def progress() -> str:
    return f"{letters} letters delivered"


@app.post("/home")
def go_home() -> None:
    home.set()


with outrider.serve(app) as server:
    print("ask", server.url)
    while not home.wait(0.1):
        letters += 1
        if letters == 5:  # somebody has seen enough; here the bot plays that part too
            print(urllib.request.urlopen(server.url).read().decode())
            urllib.request.urlopen(f"{server.url}/home", data=b"")
