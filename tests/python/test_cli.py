"""The command line: made from Config, and honest about what goes wrong."""

from __future__ import annotations

import dataclasses
import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import outrider
import pytest
from outrider._cli import make_parser

PROGRAM = [sys.executable, "-m", "outrider"]
APP = """
async def app(scope, receive, send):
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"from the command line"})
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "main.py").write_text(APP)
    return tmp_path


def test_every_option_of_config_is_one_of_the_command_line_with_the_same_default() -> None:
    defaults = vars(make_parser().parse_args(["main:app"]))
    for field in dataclasses.fields(outrider.Config):
        if field.name != "app" and field.metadata.get("cli", True):
            assert defaults.pop(field.name) == field.default
    assert set(defaults) == {"app", "app_dir"}


def test_the_command_serves_and_logs_and_ends_at_a_signal(folder: Path) -> None:
    process = subprocess.Popen([*PROGRAM, "main:app", "--port", "0"], cwd=folder, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    found = re.search(r"serving on (http://\S+)", process.stderr.readline())
    assert found
    with urllib.request.urlopen(found[1], timeout=10) as answer:
        assert answer.read() == b"from the command line"
    process.send_signal(signal.SIGTERM)
    _, log = process.communicate(timeout=20)
    assert '"GET / HTTP/1.1" 200' in log
    assert "stopped in" in log
    assert process.returncode == 0


def test_no_access_log_and_a_unix_socket(folder: Path) -> None:
    process = subprocess.Popen(
        [*PROGRAM, "main:app", "--uds", "s", "--no-access-log", "--log-level", "info"],
        cwd=folder,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    assert "http+unix://s" in process.stderr.readline()
    subprocess.run(
        ["curl", "-sf", "--unix-socket", str(folder / "s"), "http://localhost/"], check=True, capture_output=True
    )
    process.send_signal(signal.SIGINT)
    _, log = process.communicate(timeout=20)
    assert "GET" not in log
    assert process.returncode == 0


def test_a_descriptor_can_be_handed_over(folder: Path) -> None:
    import socket

    with socket.socket() as mine:
        mine.bind(("127.0.0.1", 0))
        process = subprocess.Popen(
            [*PROGRAM, "main:app", "--fd", str(mine.fileno())],
            cwd=folder,
            stderr=subprocess.PIPE,
            text=True,
            pass_fds=[mine.fileno()],
        )
        assert process.stderr is not None
        assert str(mine.getsockname()[1]) in process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)
        assert process.returncode == 0


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["no_such_module:app", "--port", "0"], 3, "no module 'no_such_module'"),
        (["main:nothing", "--port", "0"], 3, "no attribute"),
        (["main:app", "--host", "no-such-host.invalid"], 3, "no-such-host.invalid"),
        (["main:app", "--port", "99999"], 2, "99999"),
        (["main:app", "--no-such-option"], 2, "unrecognized"),
        (["main:app", "--header", "a"], 2, "'a' has no colon: NAME:VALUE is wanted"),
        (["main:app", "--ssl-more-cert", "a"], 2, "'a' has no colon: CERTFILE:KEYFILE is wanted"),
        (["main:app", "--lifespan", "on", "--port", "0"], 3, "startup raised AssertionError"),
        ([], 2, "module:app"),
    ],
)
def test_what_goes_wrong_is_said_in_one_line(folder: Path, arguments: list[str], status: int, words: str) -> None:
    done = subprocess.run(
        [*PROGRAM, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=20,
        env=dict(os.environ),
        check=False,
    )
    assert done.returncode == status
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_the_version_is_the_packages() -> None:
    done = subprocess.run([*PROGRAM, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"outrider {outrider.__version__}"
