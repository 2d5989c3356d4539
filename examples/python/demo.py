"""Outrider's demo: a program that goes on counting, and a server that rides beside it.

The main thread looks for primes from the first line to the last. Beside it, in other threads, the
server is started, visited (by a browser, a listener to its stream, four callers of its API) and
stopped.

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
NEWS_BEFORE_THE_PICTURE = 20  # of the page's WebSocket
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
    ride = Ride(None if options.no_browser else options.screenshot, options.stay)
    show("python", f"{platform.python_version()}, and the main thread is looking for primes")
    ride.start()
    while ride.is_alive():
        try:
            for _ in range(100):  # numbers, and only then a look at the ride
                program.step()
        except KeyboardInterrupt:
            if ride.enough.is_set():
                raise
            ride.enough.set()
    show(
        "program",
        f"{program.numbers:,} numbers, {program.primes:,} primes; "
        f"the largest gap between two numbers was {program.largest_gap * 1e3:.1f} ms",
    )
    for trouble in ride.troubles:
        print(f"\n{trouble}", file=sys.stderr)
    return 1 if ride.troubles else 0


class Ride(threading.Thread):
    """What happens beside the program, from the start of the server to its stop."""

    def __init__(self, picture: Path | None, stays: bool) -> None:
        super().__init__(name="ride")
        self.picture = picture
        self.enough = threading.Event()  # for a ride that stays: set by Ctrl+C
        self.troubles = ["the ride did not come to its end"]
        if not stays:
            self.enough.set()

    def run(self) -> None:
        server, started_in = timed(outrider.serve(demo_app.app).start)
        show("start", f"{started_in * 1e3:.1f} ms: {server.url}")
        visitors = Visitors(server.url, self.picture)
        visitors.visit()
        if not self.enough.is_set():
            show("stay", f"look at {server.url}; Ctrl+C ends the ride")
            self.enough.wait()
        report, stopped_in = timed(server.stop)
        show("stop", f"{stopped_in * 1e3:.1f} ms: {report}")
        visitors.leave()
        self.troubles = visitors.troubles + [f"the application failed: {error!r}" for error in server.errors]


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
    """Those who use the server, each in a thread of its own."""

    url: str
    picture: Path | None
    client: httpx.Client = field(default_factory=lambda: httpx.Client(trust_env=False, timeout=30))
    statuses: Counter[int] = field(default_factory=Counter)
    milliseconds: list[float] = field(default_factory=list)
    ticks: int = 0
    troubles: list[str] = field(default_factory=list)
    picture_is_done: threading.Event = field(default_factory=threading.Event)

    def visit(self) -> None:
        """Returns when the picture is taken and the API called; somebody still listens to the stream."""
        self.listener = self._thread(self._listen_to_ticks)
        others = [self._thread(self._look_at_the_page)]
        others += [self._thread(self._call_the_api) for _ in range(CALLERS)]
        for thread in others:
            thread.join()

    def leave(self) -> None:
        self.listener.join()
        self.client.close()
        answers = ", ".join(f"{count} x {status}" for status, count in self.statuses.items())
        if self.milliseconds:
            middle, slowest = statistics.median(self.milliseconds), max(self.milliseconds)
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
            browser.run("riding.say('anybody out there?')")
            browser.run("riding.wired(1, 1)")
            browser.run("riding.sayFromElsewhere('here! on another page')")
            browser.run(f"riding.wired({NEWS_BEFORE_THE_PICTURE}, 2)")
            browser.run(f"riding.heard({TICKS_BEFORE_THE_PICTURE})")
            browser.screenshot(path)
        show("picture", str(path))

    def _call_the_api(self) -> None:
        chance = random.Random(threading.get_ident())
        calls = 0
        while calls < CALLS_AT_LEAST or not self.picture_is_done.is_set():
            response, seconds = timed(lambda: self._call_once(chance))
            self.statuses[response.status_code] += 1
            self.milliseconds.append(seconds * 1e3)
            calls += 1
            time.sleep(chance.uniform(0.05, 0.4))

    def _call_once(self, chance: random.Random) -> httpx.Response:
        if chance.random() < 0.15:
            return self.client.post(f"{self.url}/api/items", json={"name": chance.choice(THINGS)})
        if chance.random() < 0.3:
            return self.client.get(f"{self.url}/api/state")
        item = chance.randint(1, len(demo_app.names))
        return self.client.get(f"{self.url}/api/items/{item}", params={"q": chance.choice("aeo")})

    def _listen_to_ticks(self) -> None:
        with self.client.stream("GET", f"{self.url}/api/ticks") as response:
            for line in response.iter_lines():
                self.ticks += line.startswith("data:")


if __name__ == "__main__":
    sys.exit(main())
