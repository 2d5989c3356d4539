"""Cells of a notebook: the server stays while you change what it serves."""

# %%
import httpx
import outrider
from fastapi import FastAPI

app, readings = FastAPI(), [3, 5, 8]


@app.get("/mean")
def mean() -> float:
    return sum(readings) / len(readings)


server = outrider.serve(app, name="readings", replace=True).start()  # the cell can be run again
print(server.url)

# %%
readings.append(100)
print(httpx.get(f"{server.url}/mean").json())

# %%
print(server.stop())
