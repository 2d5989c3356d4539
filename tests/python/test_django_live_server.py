"""Django's live server is Outrider's: the tests of a project (apps/live_django) run as its users run theirs, with
Django's runner and with pytest-django."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("django")
pytest.importorskip("pytest_django")

APPS = Path(__file__).parent / "apps"
PROJECT = APPS / "live_django"
PLUGINS = ("-p", "pytest_outrider", "-p", "django")
# Warnings are errors, but for Django's: its handler leaves the body of a request that ends otherwise to the collector.
WARNINGS = ("-W", "error", "-W", "ignore:Unclosed file <tempfile.SpooledTemporaryFile:ResourceWarning")


def run(folder: Path, *arguments: str, **variables: str) -> str:
    """Runs a module of Python in the folder; returns what it printed. It is to succeed."""
    done = finish(folder, *arguments, **variables)
    assert done.returncode == 0, done.stdout
    return done.stdout


def finish(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        # Where this is not installed, the package is on the path, and its plugin has no entry point.
        "PYTHONPATH": os.pathsep.join([str(APPS), *(path for path in sys.path if path)]),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "DJANGO_SETTINGS_MODULE": "live_django.settings",
        **variables,
    }
    return subprocess.run(
        [sys.executable, *WARNINGS, "-m", *arguments],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )


def run_pytest(folder: Path, *arguments: str) -> str:
    return run(folder, "pytest", "--rootdir", str(folder), "-c", write_ini(folder), *arguments)


def write_ini(folder: Path, app: str = "django") -> str:
    ini = folder / "pytest.ini"
    ini.write_text(f"[pytest]\noutrider_app = {app}\n")
    return str(ini)


@pytest.mark.parametrize("where", ["in memory", "in files"])
def test_what_django_says_of_its_live_server_holds(where: str, tmp_path: Path) -> None:
    variables = {"LIVE_DJANGO_FOLDER": str(tmp_path)} if where == "in files" else {}
    printed = run(tmp_path, "django", "test", "live_django.cases", **variables)
    assert re.search(r"Ran 4\d tests", printed), printed


def test_so_it_does_in_several_processes(tmp_path: Path) -> None:
    printed = run(tmp_path, "django", "test", "live_django.cases", "--parallel", "2")
    assert re.search(r"Ran 4\d tests", printed), printed


def test_so_it_does_with_pytest(tmp_path: Path) -> None:
    printed = run_pytest(tmp_path, *PLUGINS, str(PROJECT / "cases.py"))
    assert re.search(r"4\d passed", printed), printed


def test_the_recipes_are_run_by_djangos_command() -> None:
    recipe = APPS.parents[2] / "examples" / "testing" / "django_shop"
    assert "Ran 4 tests" in run(recipe, "manage", "test", DJANGO_SETTINGS_MODULE="shop.settings")


@pytest.mark.parametrize(
    "plugins",
    [("pytest_outrider", "django", "base_url"), ("base_url", "django", "pytest_outrider")],
    ids=["outrider first", "outrider last"],
)
def test_the_live_server_of_pytest_django_is_outriders(plugins: tuple[str, ...], tmp_path: Path) -> None:
    pytest.importorskip("pytest_base_url")
    chosen = [word for name in plugins for word in ("-p", name)]
    printed = run_pytest(tmp_path, *chosen, str(PROJECT / "cases_pytest.py"))
    assert "13 passed" in printed, printed


def test_each_process_of_xdist_has_a_server_of_its_own(tmp_path: Path) -> None:
    pytest.importorskip("xdist")
    pytest.importorskip("pytest_base_url")
    plugins = (*PLUGINS, "-p", "base_url", "-p", "xdist")
    cases = [str(PROJECT / "cases_pytest.py"), str(PROJECT / "cases.py")]
    printed = run_pytest(tmp_path, *plugins, "-n", "2", "--dist=loadfile", *cases)
    assert re.search(r"[56]\d passed", printed), printed


def test_a_view_that_raises_fails_the_test_that_asked_it(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "def test_it(live_server):\n"
        "    with live_server.client() as client:\n"
        "        assert client.get('/fail/?why=on purpose').status_code == 500\n"
        "def test_the_next_one_is_not_concerned(live_server):\n"
        "    with live_server.client() as client:\n"
        "        assert client.get('/about/').status_code == 200\n"
    )
    done = finish(tmp_path, "pytest", *PLUGINS, "-c", write_ini(tmp_path))
    assert "1 failed, 1 passed" in done.stdout, done.stdout
    assert "ValueError: on purpose" in done.stdout
    assert "GET /fail/?why=on%20purpose 500" in done.stdout


def test_where_no_application_is_named_the_live_server_is_pytest_djangos(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "from pytest_django.live_server_helper import LiveServer\n"
        "def test_it(live_server):\n"
        "    assert type(live_server) is LiveServer\n"
    )
    printed = run(tmp_path, "pytest", *PLUGINS, "-c", write_ini(tmp_path, app=""))
    assert "1 passed" in printed, printed


def test_the_address_is_chosen_by_pytest_djangos_words(tmp_path: Path, unused_port: int) -> None:
    (tmp_path / "test_it.py").write_text(
        "def test_it(live_server):\n"
        f"    assert live_server.url == 'http://127.0.0.1:{unused_port}'\n"
        "    with live_server.client() as client:\n"
        "        assert client.get(live_server + '/about/').status_code == 200\n"
    )
    address = f"127.0.0.1:{unused_port}"
    run_pytest(tmp_path, *PLUGINS, "--liveserver", address)
    run(tmp_path, "pytest", *PLUGINS, "-c", write_ini(tmp_path), DJANGO_LIVE_TEST_SERVER_ADDRESS=address)
