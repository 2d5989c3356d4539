"""What every test of the Python face may ask for."""

from __future__ import annotations

import os
import socket
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import outrider
import pytest
from apps.probe import Ask, Exchange, Serve, Step, application, get

sys.path.insert(0, str(Path(__file__).parent))  # so that "apps.with_fastapi:app" can be imported


@pytest.fixture(scope="session", autouse=True)
def no_proxy() -> Iterator[None]:
    """The servers are on loopback: no client goes through a proxy to reach them."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.lower() in ("http_proxy", "https_proxy", "all_proxy"):
                patch.delenv(name)
        yield


@pytest.fixture
def eventually() -> Callable[[Callable[[], bool]], None]:
    """`eventually(is_true)` returns once the condition holds, and fails after five seconds."""

    def wait_until(is_true: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 5
        while not is_true():
            assert time.monotonic() < deadline, "what was waited for did not come"
            time.sleep(1e-3)

    return wait_until


@pytest.fixture
def unused_port() -> int:
    """A port that was free a moment ago, for code that must be told a number beforehand."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@pytest.fixture(params=["asyncio", "uvloop"])
def loop(request: pytest.FixtureRequest) -> str:
    """The event loop to serve on, each in turn."""
    if request.param == "uvloop":
        pytest.importorskip("uvloop", reason="uvloop isn't installed for this Python")
    return str(request.param)


@pytest.fixture
def serve(loop: str) -> Serve:
    """`serve(app)` is a server for the application on the loop of this run."""
    return lambda app: outrider.serve(app, loop=loop)


@pytest.fixture
def ask(serve: Serve) -> Ask:
    """`ask(step)` lets one request run the step, and returns what the step returned."""

    def run(step: Step) -> Any:
        results = []

        async def observed(exchange: Exchange) -> None:
            results.append(await step(exchange))
            await exchange.answer()

        with serve(application(observed)) as server:
            status, _ = get(server)
        for error in server.errors:
            raise error
        assert status == 200
        return results[0]

    return run


# Other plugins than ours, which a suite names when it wants them.
_OTHERS = ("asyncio", "base_url", "django", "playwright", "faker", "hypothesispytest", "pytest-localserver")


@pytest.fixture
def suite(pytester: pytest.Pytester) -> Callable[..., pytest.RunResult]:
    """`suite(text_of_the_tests, *arguments)` runs a suite that has our plugin and those in `plugins`, in this process
    or in one of its own; a file of a name beside it is `files={"conftest.py": ...}`."""

    def run(
        tests: str,
        *arguments: str,
        plugins: Sequence[str] = (),
        files: Mapping[str, str] | None = None,
        subprocess: bool = False,
    ) -> pytest.RunResult:
        for name, text in {"test_suite.py": tests, **(files or {})}.items():
            path = pytester.path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text))
        blocked = [part for name in _OTHERS if name not in plugins for part in ("-p", f"no:{name}")]
        options = ["-o", f"pythonpath={Path(__file__).parent}", "-Werror", "--strict-markers", *blocked, *arguments]
        if subprocess:
            return pytester.runpytest_subprocess(*options, timeout=300)
        return pytester.runpytest_inprocess(*options)

    return run
