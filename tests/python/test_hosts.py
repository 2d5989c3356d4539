"""The server inside other people's hosts: notebooks, IPython, pytest-xdist, coverage, debuggers."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import nbclient
import nbformat
import outrider
import pytest
from jupyter_core.utils import run_sync
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook

APP = "apps.plain_asgi:app"
HELLO = "hello from plain"

# What a program has at its top, in a cell or in a file: an application, and a client.
PREAMBLE = """\
import asyncio
import urllib.request
import outrider

async def app(scope, receive, send):
    path = scope["path"]
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body", "body": b"hello from " + path.encode()})

def get(server, path="/"):
    with urllib.request.urlopen(server.url + path, timeout=5) as response:
        return response.read().decode()
"""


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=5) as response:
        return str(response.read().decode())


def is_open(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def environment(**more: str) -> dict[str, str]:
    """Ours, with our import path, but without what pytest and coverage say in it of this very run."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV"))}
    return {**own, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path), **more}


def run(folder: Path, *arguments: str | Path, stdin: str = "", **variables: str) -> str:
    """What `python <arguments>` has printed, when it has ended as it should."""
    options = {"cwd": folder, "env": environment(**variables), "input": stdin, "timeout": 30}
    done = subprocess.run([sys.executable, *arguments], check=False, capture_output=True, text=True, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


# Notebooks


@pytest.fixture(scope="module")
def jupyter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The name of a kernel that is the running interpreter; nothing of the user's own Jupyter is read or written."""
    home = tmp_path_factory.mktemp("jupyter")
    kernel = home / "data" / "kernels" / "here" / "kernel.json"
    kernel.parent.mkdir(parents=True)
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    kernel.write_text(json.dumps({"argv": argv, "display_name": "here", "language": "python"}))
    with pytest.MonkeyPatch.context() as patch:
        for kind in ("config", "data", "runtime"):
            patch.setenv(f"JUPYTER_{kind.upper()}_DIR", str(home / kind))
        patch.setenv("JUPYTER_PLATFORM_DIRS", "1")  # it warns of the folders that it would look into otherwise
        patch.setenv("IPYTHONDIR", str(home / "ipython"))
        patch.setenv("PYTHONPATH", environment()["PYTHONPATH"])
        yield "here"


class Notebook:
    """An open notebook, into which one types."""

    def __init__(self, kernel_name: str) -> None:
        self.client = nbclient.NotebookClient(new_notebook(), kernel_name=kernel_name, timeout=20, allow_errors=True)

    def run(self, source: str) -> list[NotebookNode]:
        """Executes a new last cell; returns what is seen under it."""
        cells = self.client.nb.cells
        cells.append(new_code_cell(source))
        self.client.execute_cell(cells[-1], len(cells) - 1)
        return list(cells[-1].outputs)

    def value(self, expression: str) -> str:
        """The result of a cell that shows nothing else."""
        (output,) = self.run(expression)
        assert output.output_type == "execute_result", output
        return str(output.data["text/plain"])


@pytest.fixture(scope="module")
def notebook(jupyter: str) -> Iterator[Notebook]:
    book = Notebook(jupyter)
    with book.client.setup_kernel():
        assert book.run(PREAMBLE) == []
        yield book


def test_a_notebook_with_a_server_is_executed_from_top_to_bottom_and_its_kernel_ends(jupyter: str) -> None:
    sources = [PREAMBLE, "server = outrider.serve(app).start()", "get(server, '/next')", "server"]
    document = new_notebook(cells=[new_code_cell(source) for source in sources])
    nbclient.NotebookClient(document, kernel_name=jupyter, timeout=20).execute()
    [], [], [answer], [output] = [cell.outputs for cell in document.cells]
    assert answer.data["text/plain"] == "'hello from /next'"
    (url,) = re.findall(r"^<outrider\.Server ready on (http://127.*)>$", output.data["text/plain"])
    assert f'<a href="{url}"' in output.data["text/html"]
    assert not is_open(int(url.rpartition(":")[2]))


def test_a_server_runs_on_the_kernels_own_loop_within_a_cell_and_from_cell_to_cell(notebook: Notebook) -> None:
    (output,) = notebook.run(
        "async with outrider.serve(app, isolation='none') as here:\n"
        "    print(await asyncio.to_thread(get, here, '/none'))\n"
    )
    assert output.text == "hello from /none\n"
    assert notebook.run("await here.__aenter__();") == []
    assert notebook.value("await asyncio.to_thread(get, here)") == "'hello from /'"
    assert notebook.run("await here.__aexit__(None, None, None)") == []
    assert notebook.value("here.state, [record.status for record in here.requests]") == "('stopped', [200])"


def test_run_in_a_cell_says_what_to_use_instead(notebook: Notebook) -> None:
    (output,) = notebook.run("outrider.run(app, port=0)")
    assert output.ename == "StartError" and "use 'with outrider.serve(app)'" in output.evalue
    assert notebook.run("import gc; gc.collect();") == []  # where a coroutine that was never awaited would be told


def test_the_starting_cell_can_be_run_again_after_a_stop_and_without_one(notebook: Notebook) -> None:
    start = "server = outrider.serve(app).start()"
    for cell in (start, "server.stop();", start, "first = server", start):
        assert notebook.run(cell) == []
    assert notebook.value("first is server, get(first), get(server)") == "(False, 'hello from /', 'hello from /')"
    assert notebook.run("first.stop();") == []
    assert notebook.value("first.state, get(server)") == "('stopped', 'hello from /')"
    # The one that the cell made before has no name any more: it goes on all the same.
    port = int(notebook.value("server.port"))
    assert notebook.run(start) == notebook.run("import gc; gc.collect();") == []
    assert get(f"http://127.0.0.1:{port}/lost") == "hello from /lost"


def test_a_cell_that_names_a_port_and_is_run_again_says_who_has_it(notebook: Notebook, unused_port: int) -> None:
    start = f"named = outrider.serve(app, port={unused_port}).start()"
    assert notebook.run(start) == []
    (output,) = notebook.run(start)
    assert output.ename == "BindError" and "another server has it; stop that one" in output.evalue
    assert notebook.value("get(named)") == "'hello from /'"
    assert notebook.run("named.stop();") == notebook.run(start) == notebook.run("named.stop();") == []


@pytest.mark.parametrize("isolation", ["thread", "process"])
def test_a_cell_that_names_its_server_can_be_run_again_and_the_link_stays(notebook: Notebook, isolation: str) -> None:
    start = f"named = outrider.serve({APP!r}, name='{isolation}', replace=True, isolation='{isolation}').start()\nnamed"
    shown = [notebook.run(start) for _ in range(3)]
    links = {re.findall('href="(.*?)"', output.data["text/html"])[0] for (output,) in shown}
    assert links == {notebook.value("named.url").strip("'")}
    assert notebook.value("get(named)") == f"'{HELLO}'"
    (output,) = notebook.run(start.replace("replace=True", "replace=False"))
    assert output.ename == "StateError" and "or start this one with replace=True" in output.evalue
    assert notebook.run("named.stop();") == []


def test_a_cell_whose_server_is_on_the_kernels_own_loop_can_be_run_again(notebook: Notebook) -> None:
    options = "name='on the loop', replace=True, isolation='none'"
    start = f"own = outrider.serve(app, {options})\nawait own.__aenter__()\nown.port"
    (first,), (second,) = notebook.run(start), notebook.run(start)
    assert first.data["text/plain"] == second.data["text/plain"] != "0"
    assert notebook.value("await asyncio.to_thread(get, own)") == "'hello from /'"
    assert notebook.run("await own.__aexit__(None, None, None)") == []


def test_the_documentations_notebook_can_be_executed_and_its_cell_run_again(jupyter: str) -> None:
    """Mend what it shows with: jupyter-execute --inplace docs/notebook.ipynb"""
    document = nbformat.read(Path(__file__).parents[2] / "docs" / "notebook.ipynb", as_version=4)
    told = [seen(cell) for cell in document.cells]
    client = nbclient.NotebookClient(document, kernel_name=jupyter, timeout=20)
    with client.setup_kernel():
        for index, cell in enumerate(document.cells):
            if cell.cell_type == "code":
                client.execute_cell(cell, index)
            if ".start()" in cell.source:
                links = re.findall("http://[0-9.:]+", str(cell.outputs))
                client.execute_cell(cell, index)
                assert re.findall("http://[0-9.:]+", str(cell.outputs)) == links != []
    assert [seen(cell) for cell in document.cells] == told


def seen(cell: NotebookNode) -> list[Any]:
    """What is under a cell, without what differs each time."""
    shown = [output.get("data") or {output.output_type: output.get("text")} for output in cell.get("outputs", [])]
    return [re.sub(r"127\.0\.0\.1:\d+|[0-9.]+ ms", "...", str(sorted(each.items()))) for each in shown]


def test_only_what_the_handler_prints_is_seen_under_a_cell(notebook: Notebook) -> None:
    (output,) = notebook.run(
        "async def talking(scope, receive, send):\n"
        "    print('asked for', scope['path'])\n"
        "    await app(scope, receive, send)\n"
        "with outrider.serve(talking, lifespan='off') as server:\n"
        "    answer = get(server, '/it')\n"
    )
    assert (output.name, output.text) == ("stdout", "asked for /it\n")


def test_an_interrupted_cell_leaves_the_server_running(notebook: Notebook) -> None:
    assert notebook.run("server = outrider.serve(app).start()") == []
    (output,) = notebook.run("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nwhile True:\n    pass")
    assert output.ename == "KeyboardInterrupt"
    assert notebook.value("server.state, get(server)") == "('ready', 'hello from /')"


def test_a_restart_of_the_kernel_stops_its_servers_and_frees_their_ports(
    notebook: Notebook, tmp_path: Path, eventually: Any
) -> None:
    record = tmp_path / "lifespan"
    outputs = notebook.run(
        "import pathlib\n"
        "async def long_lived(scope, receive, send):\n"
        "    if scope['type'] == 'http':\n"
        "        return await app(scope, receive, send)\n"
        "    while message := await receive():\n"
        f"        pathlib.Path({str(record)!r}).write_text(message['type'])\n"
        "        await send({'type': message['type'] + '.complete'})\n"
        "thread = outrider.serve(long_lived).start()\n"
        "here = await outrider.serve(app, isolation='none').__aenter__()\n"
        f"process = outrider.serve({APP!r}, isolation='process').start()\n"
    )
    assert outputs == []
    assert notebook.value("get(thread), get(process)") == f"('hello from /', '{HELLO}')"
    ports = [int(notebook.value(f"{name}.port")) for name in ("thread", "here", "process")]
    assert all(is_open(port) for port in ports)
    with socket.create_connection(("127.0.0.1", ports[0])):
        run_sync(notebook.client.km.restart_kernel)()
    run_sync(notebook.client.kc.wait_for_ready)(timeout=20)
    eventually(lambda: not any(is_open(port) for port in ports))
    assert record.read_text() == "lifespan.shutdown"
    notebook.run(PREAMBLE)
    for port in ports:
        assert notebook.run(f"server = outrider.serve(app, port={port}).start()") == []
        assert notebook.value("get(server)") == "'hello from /'"


def test_a_line_of_ipython_shows_the_server_and_ipython_ends(jupyter: str, tmp_path: Path) -> None:
    lines = PREAMBLE + "server = outrider.serve(app).start()\nprint(get(server))\nserver"
    printed = run(tmp_path, "-m", "IPython", "--colors=nocolor", "-c", lines)
    answer, shown = printed.splitlines()
    assert answer == "hello from /" and re.fullmatch(r"Out.*: <outrider\.Server ready on http://127.*>", shown)


# Runners: pytest-xdist, coverage


def test_the_tests_of_several_pytest_workers_have_a_server_each(tmp_path: Path) -> None:
    program = PREAMBLE + (
        "import pytest\n"
        "@pytest.mark.parametrize('number', range(8))\n"
        "def test_a_server(number):\n"
        "    with outrider.serve(app) as server:\n"
        "        assert get(server, f'/{number}') == f'hello from /{number}'\n"
    )
    (tmp_path / "test_generated.py").write_text(program)
    # Without the other plugins, which each worker would load anew for seconds.
    options = ["-v", "-p", "xdist", "-n", "2", "-W", "error"]
    printed = run(tmp_path, "-m", "pytest", *options, PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")
    assert "8 passed" in printed and "[gw0]" in printed and "[gw1]" in printed


@pytest.mark.parametrize("variables", [{}] if sys.version_info < (3, 12) else [{}, {"COVERAGE_CORE": "sysmon"}])
def test_coverage_counts_the_lines_of_a_handler(variables: dict[str, str], tmp_path: Path) -> None:
    program = PREAMBLE + "with outrider.serve(app) as server:\n    print(get(server))\n"
    (tmp_path / "program.py").write_text(program)
    assert run(tmp_path, "-m", "coverage", "run", "program.py", **variables) == "hello from /\n"
    run(tmp_path, "-m", "coverage", "json", "-q", "-o", "report.json", "--include", "program.py")
    counted = json.loads((tmp_path / "report.json").read_text())["files"]["program.py"]
    assert counted["missing_lines"] == []
    assert len(counted["executed_lines"]) == len([line for line in program.splitlines() if line])


# Debuggers


def test_a_server_answers_while_the_debugger_holds_the_main_thread(tmp_path: Path) -> None:
    program = PREAMBLE + "server = outrider.serve(app).start()\nprint(server.url)\nprint(server.stop())\n"
    stop = len(program.splitlines())
    (tmp_path / "program.py").write_text(program)
    command = [sys.executable, "-u", "-m", "pdb", tmp_path / "program.py"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    process = subprocess.Popen(command, env=environment(), text=True, **pipes)
    watchdog = threading.Timer(20, process.kill)  # so that no reading below is for ever
    watchdog.start()
    with process:
        process.stdin.write(f"break {stop}\ncontinue\n")
        process.stdin.flush()
        said = ""
        while f"program.py({stop})<module>" not in said:
            said += process.stdout.readline() or pytest.fail(said)
        assert get(re.findall(r"http://\S+", said)[0] + "/asked") == "hello from /asked"
        rest, _ = process.communicate("continue\nquit\n", timeout=20)
    watchdog.cancel()
    assert process.returncode == 0 and "stopped in" in rest, rest


def test_a_breakpoint_in_a_handler_stops_there(tmp_path: Path) -> None:
    program = PREAMBLE.replace("    await send", "    breakpoint()\n    await send", 1)
    program += "with outrider.serve(app, lifespan='off') as server:\n    print(get(server, '/asked'))\n"
    (tmp_path / "program.py").write_text(program)
    printed = run(tmp_path, "program.py", stdin="p 'the path is ' + path\ncontinue\n")
    assert "'the path is /asked'" in printed and printed.endswith("hello from /asked\n")


def test_a_trace_function_for_new_threads_sees_the_handlers_lines() -> None:
    seen: set[tuple[str, str]] = set()

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        seen.add((event, frame.f_code.co_name))
        return trace

    before = threading.gettrace()
    threading.settrace(trace)
    try:
        with outrider.serve(APP) as server:
            assert get(server.url) == HELLO
    finally:
        threading.settrace(before)
    assert {("line", "app"), ("line", "home"), ("line", "answer")} <= seen
