"""Outrider's demo: a program that goes on counting, and a server that rides beside it.

The main thread looks for primes from the first line to the last. It starts the server and goes on;
it stops the server and goes on. Everybody else is a visitor of the server, in a thread of their
own: a browser, a reader of the stream, four callers of the API.

    python examples/python/demo.py [--screenshot PATH] [--no-browser] [--stay]
"""

from __future__ import annotations

import argparse
import platform
import random
import statistics
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import demo_app
import httpx
import outrider
from browser import Browser, BrowserError

PICTURE = Path(__file__).parents[2] / "build" / "demo" / "demo.png"
TICKS_BEFORE_THE_PICTURE = 100
CALLERS = 4
CALLS_AT_LEAST = 20  # of each caller
THINGS = (
    *("matches", "whistle", "blanket", "tin cup", "needle and thread", "sealing wax", "pencil"),
    *("dried apples", "oilskin", "kettle", "spare horseshoe", "letters", "salt", "harmonica"),
)

Result = TypeVar("Result")


def main() -> int:
    options = parse_options()
    program = demo_app.program
    show("python", f"{platform.python_version()}, and the main thread is looking for primes")
    work(program, until=after(0.25))

    server, started_in = timed(outrider.serve(demo_app.app).start)
    show("start", f"{started_in * 1e3:.1f} ms: {server.url}")

    visitors = Visitors(server.url, None if options.no_browser else options.screenshot)
    visitors.start()
    try:
        work(program, until=visitors.have_finished)
        if options.stay:
            show("stay", f"look at {server.url}; Ctrl+C ends the ride")
            work(program, until=lambda: False)
    except KeyboardInterrupt:
        print()

    report, stopped_in = timed(server.stop)
    show("stop", f"{stopped_in * 1e3:.1f} ms: {report}")
    work(program, until=after(0.25))
    visitors.show_figures()
    show(
        "program",
        f"{program.numbers:,} numbers, {program.primes:,} primes; "
        f"largest gap between two numbers: {program.largest_gap * 1e3:.1f} ms",
    )
    for trouble in visitors.troubles:
        print(f"\n{trouble}", file=sys.stderr)
    return 1 if visitors.troubles or server.errors else 0


def work(program: demo_app.Program, until: Callable[[], bool]) -> None:
    """The main job: a hundred numbers at a time, and only then a look at the clock."""
    while not until():
        for _ in range(100):
            program.step()


def after(seconds: float) -> Callable[[], bool]:
    end = time.perf_counter() + seconds
    return lambda: time.perf_counter() >= end


def timed(call: Callable[[], Result]) -> tuple[Result, float]:
    began = time.perf_counter()
    return call(), time.perf_counter() - began


def show(word: str, text: str) -> None:
    print(f"  {word:<9}{text}", flush=True)


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--screenshot", type=Path, default=PICTURE, metavar="PATH")
    parser.add_argument("--no-browser", action="store_true", help="do without the picture")
    parser.add_argument("--stay", action="store_true", help="go on until Ctrl+C")
    return parser.parse_args()


@dataclass
class Visitors:
    """Those who use the server while the main thread counts, each in a thread of its own."""

    url: str
    picture: Path | None
    statuses: Counter[int] = field(default_factory=Counter)
    milliseconds: list[float] = field(default_factory=list)
    ticks: int = 0
    troubles: list[str] = field(default_factory=list)
    picture_is_done: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        self.listener = self._thread(self._listen_to_ticks)
        self.others = [self._thread(self._look_at_the_page)]
        self.others += [self._thread(self._call_the_api) for _ in range(CALLERS)]

    def have_finished(self) -> bool:
        return not any(thread.is_alive() for thread in self.others)

    def show_figures(self) -> None:
        self.listener.join()
        middle, slowest = statistics.median(self.milliseconds), max(self.milliseconds)
        answers = ", ".join(f"{count} x {status}" for status, count in self.statuses.items())
        show("api", f"{CALLERS} threads: {answers}; median {middle:.1f} ms, slowest {slowest:.1f}")
        show("stream", f"{self.ticks} ticks heard, until the stop ended the stream")

    def _thread(self, visit: Callable[[], None]) -> threading.Thread:
        def run() -> None:
            try:
                visit()
            except (BrowserError, httpx.HTTPError, OSError, AssertionError) as error:
                self.troubles.append(f"{visit.__name__.strip('_').replace('_', ' ')}: {error}")

        thread = threading.Thread(target=run)
        thread.start()
        return thread

    def _look_at_the_page(self) -> None:
        try:
            if self.picture is not None:
                self._take_picture(self.picture)
        finally:
            self.picture_is_done.set()

    def _take_picture(self, path: Path) -> None:
        began = time.perf_counter()
        with Browser() as browser:
            browser.go(self.url)
            browser.run("riding.heard(1)")
            show("browser", f"{browser.version} shows it after {time.perf_counter() - began:.1f} s")
            browser.run(f"riding.heard({TICKS_BEFORE_THE_PICTURE // 2})")
            browser.run("riding.pack('spyglass')")
            browser.run(f"riding.heard({TICKS_BEFORE_THE_PICTURE})")
            browser.screenshot(path)
        show("picture", str(path))

    def _call_the_api(self) -> None:
        chance = random.Random(threading.get_ident())
        calls = 0
        with httpx.Client(base_url=self.url, trust_env=False) as client:
            while calls < CALLS_AT_LEAST or not self.picture_is_done.is_set():
                response, seconds = timed(lambda: self._call_once(client, chance))
                self.statuses[response.status_code] += 1
                self.milliseconds.append(seconds * 1e3)
                calls += 1
                time.sleep(chance.uniform(0.05, 0.4))

    def _call_once(self, client: httpx.Client, chance: random.Random) -> httpx.Response:
        if chance.random() < 0.15:
            return client.post("/api/items", json={"name": chance.choice(THINGS)})
        if chance.random() < 0.3:
            return client.get("/api/state")
        item = chance.randint(1, len(demo_app.names))
        return client.get(f"/api/items/{item}", params={"q": chance.choice("aeo")})

    def _listen_to_ticks(self) -> None:
        with httpx.stream("GET", f"{self.url}/api/ticks", trust_env=False, timeout=30) as response:
            for line in response.iter_lines():
                self.ticks += line.startswith("data:")


if __name__ == "__main__":
    sys.exit(main())
