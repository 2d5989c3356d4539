"""pytest-django's live_server, with `outrider_app = django`."""

from __future__ import annotations

import json
from typing import Any
from urllib.request import urlopen

import pytest
from django.conf import settings
from django.db import connections
from live_django import views
from live_django.models import Person
from outrider.contrib.django import DjangoLiveServer


def test_it_is_outriders(live_server: DjangoLiveServer) -> None:
    assert isinstance(live_server, DjangoLiveServer)
    assert live_server.url == str(live_server) == f"http://localhost:{live_server.thread.port}"
    assert repr(live_server) == f"<DjangoLiveServer on {live_server.url}>"
    assert "localhost" in settings.ALLOWED_HOSTS


def test_the_database_is_shared_both_ways(live_server: DjangoLiveServer) -> None:
    Person.objects.create(name="jane")
    urlopen(live_server + "/add/?name=emily").close()
    with urlopen(live_server + "/people/") as response:
        assert response.read() == b"jane\nemily"
    assert Person.objects.count() == 2


def test_the_database_has_been_flushed(live_server: DjangoLiveServer) -> None:
    assert Person.objects.count() == 0


@pytest.mark.django_db(transaction=True, databases=["default", "other"])
def test_so_are_several_databases(live_server: DjangoLiveServer) -> None:
    urlopen(live_server + "/add/?name=olga&using=other").close()
    assert Person.objects.using("other").get().name == "olga"


def test_static_files_are_found(live_server: DjangoLiveServer) -> None:
    with live_server.client() as client:
        assert client.get("/static/live_django/found.txt").text == "found in an app\n"


def test_events_are_streamed(live_server: DjangoLiveServer) -> None:
    with live_server.events("/ticks/") as events:
        assert [event.data for event in events] == ["0", "1", "2"]


def test_a_websocket_uses_the_database(live_server: DjangoLiveServer) -> None:
    with live_server.websocket("/") as socket:
        socket.send("emily")
        assert socket.recv() == "1"
    assert Person.objects.get().name == "emily"


def test_settings_can_be_changed(live_server: DjangoLiveServer, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["elsewhere.example"]
    with live_server.client() as client:
        assert client.get("/about/").status_code == 400


@pytest.mark.outrider(raise_server_exceptions=False)
def test_a_view_may_fail(live_server: DjangoLiveServer) -> None:
    with live_server.client() as client:
        assert client.get("/fail/").status_code == 500


@pytest.mark.outrider(tls=True)
def test_options_are_given_by_the_marker(live_server: DjangoLiveServer) -> None:
    assert live_server.url.startswith("https://localhost:")
    with urlopen(live_server + "/about/", context=live_server.ssl_context()) as response:
        assert json.load(response)["is_secure"]


def test_a_stream_is_left_open(live_server: DjangoLiveServer) -> None:
    views.left.clear()
    client = live_server.client()
    response = client.send(client.build_request("GET", "/add-at-the-end/?name=late"), stream=True)
    assert next(response.iter_lines()) == "it begins"


def test_what_it_wrote_at_its_end_has_been_flushed(live_server: DjangoLiveServer) -> None:
    assert views.left.is_set()
    assert Person.objects.count() == 0


@pytest.fixture(scope="session", autouse=True)
def nothing_stays_shared() -> Any:
    yield
    assert [one._thread_sharing_count for one in connections.all()] == [0, 0]


@pytest.fixture(scope="session")
def early(base_url: str) -> str:
    """Asked for before any test has a database."""
    return base_url


def test_the_base_url_of_a_session_is_the_same_server(early: str, live_server: DjangoLiveServer) -> None:
    assert early == live_server.url
    urlopen(early + "/add/?name=emily").close()
    assert Person.objects.get().name == "emily"
