"""What Django documents and tests of its live server, and what Outrider's adds to it."""

from __future__ import annotations

import contextlib
import errno
import importlib.util
import json
import os
import shutil
import socket
import tempfile
import threading
import unittest
import unittest.mock
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import urlopen

from django.conf import settings
from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connection, connections
from django.db.backends.signals import connection_created
from django.test import TransactionTestCase, override_settings
from django.test.testcases import LiveServerThread
from django.utils import translation
from live_django import views
from live_django.models import Motto, Person
from outrider.contrib.django import LiveServerTestCase, ServerThread, StaticLiveServerTestCase

IS_IN_MEMORY = "LIVE_DJANGO_FOLDER" not in os.environ
HAS_CHANNELS = importlib.util.find_spec("channels") is not None


class Case(LiveServerTestCase):
    def read(self, path: str, **query: str) -> str:
        with urlopen(f"{self.live_server_url}{path}?{urlencode(query)}") as response:
            return str(response.read().decode())

    def status(self, path: str) -> int:
        try:
            with urlopen(self.live_server_url + path) as response:
                return int(response.status)
        except HTTPError as error:
            error.close()
            return error.code

    def about(self, **query: str) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.read("/about/", **query))
        return told


class FolderCase(Case):
    """With a folder for each of STATIC_ROOT and MEDIA_ROOT."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = Path(tempfile.mkdtemp())
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        for name in ("static", "media"):
            (cls.folder / name / "sub").mkdir(parents=True)
            (cls.folder / name / "sub" / "file.txt").write_text(f"a {name} file")
        cls.enterClassContext(
            override_settings(STATIC_ROOT=str(cls.folder / "static"), MEDIA_ROOT=cls.folder / "media")
        )
        super().setUpClass()


class TestAddress(Case):
    urls_in_set_up: list[str] = []

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.urls_in_set_up = [cls.live_server_url]  # in a list, which is no descriptor

    def test_the_url_is_known_to_the_class(self) -> None:
        self.assertEqual(self.urls_in_set_up, [self.live_server_url])
        self.assertEqual(self.live_server_url, f"http://localhost:{self.server_thread.port}")
        self.assertEqual(self.live_server_ws_url, f"ws://localhost:{self.server_thread.port}")

    def test_the_host_is_allowed(self) -> None:
        self.assertIn("localhost", settings.ALLOWED_HOSTS)
        self.assertEqual(self.about()["host"], f"localhost:{self.server_thread.port}")
        with self.server.client() as client:
            self.assertEqual(client.get("/about/").json()["host"], f"localhost:{self.server_thread.port}")

    def test_another_host_is_not_allowed(self) -> None:
        plain = HTTPConnection("localhost", self.server_thread.port)
        self.addCleanup(plain.close)
        plain.request("GET", "/about/", headers={"Host": "elsewhere.example"})
        self.assertEqual(plain.getresponse().status, 400)

    def test_connections_are_kept_alive(self) -> None:
        plain = HTTPConnection("localhost", self.server_thread.port)
        self.addCleanup(plain.close)
        for number in range(2):
            plain.request("GET", f"/about/?q={number}")
            response = plain.getresponse()
            self.assertFalse(response.will_close)
            self.assertEqual(json.loads(response.read())["q"], str(number))


class TestStart(TransactionTestCase):
    """Cases that are started and stopped by hand."""

    databases = {"default", "other"}

    def start(self, base: type[LiveServerTestCase] = LiveServerTestCase, **attributes: Any) -> type[LiveServerTestCase]:
        made = type("Made", (base,), attributes)
        self.addCleanup(made.doClassCleanups)
        made.setUpClass()
        return made

    def test_two_cases_have_ports_of_their_own(self) -> None:
        self.assertNotEqual(self.start().live_server_url, self.start().live_server_url)

    def test_the_port_can_be_chosen(self) -> None:
        with socket.socket() as taken:
            taken.bind(("localhost", 0))
            port = taken.getsockname()[1]
        case = self.start(port=port)
        self.assertEqual(case.live_server_url, f"http://localhost:{port}")

    def test_the_host_can_be_chosen(self) -> None:
        case = self.start(host="127.0.0.1")
        with urlopen(case.live_server_url + "/about/") as response:
            self.assertEqual(json.load(response)["host"], case.live_server_url.removeprefix("http://"))

    def test_a_port_in_use_is_an_os_error_and_leaves_nothing_changed(self) -> None:
        allowed, counts = settings.ALLOWED_HOSTS, self.sharing_counts()
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            made = type("Made", (LiveServerTestCase,), {"host": "127.0.0.1", "port": taken.getsockname()[1]})
            with self.assertRaises(OSError) as raised:
                made.setUpClass()
        self.assertEqual(raised.exception.errno, errno.EADDRINUSE)
        made.doClassCleanups()
        self.assertEqual(settings.ALLOWED_HOSTS, allowed)
        self.assertEqual(self.sharing_counts(), counts)

    def test_connections_are_shared_while_it_runs_and_no_longer(self) -> None:
        before = self.sharing_counts()
        wrappers = [list(one.execute_wrappers) for one in connections.all()]
        case = self.start()
        self.assertEqual(self.sharing_counts(), [count + IS_IN_MEMORY for count in before])
        case.doClassCleanups()
        self.assertEqual(self.sharing_counts(), before)
        self.assertEqual([one.execute_wrappers for one in connections.all()], wrappers)

    def sharing_counts(self) -> list[int]:
        return [one._thread_sharing_count for one in connections.all()]

    def test_what_hinders_the_start_is_raised(self) -> None:
        class Failing(ServerThread):
            def start(self) -> None:
                self.error = RuntimeError("no server today")
                self.is_ready.set()

        with self.assertRaisesRegex(RuntimeError, "no server today"):
            self.start(server_thread_class=Failing)

    def test_static_files_without_their_url_are_refused(self) -> None:
        self.enterContext(override_settings(STATIC_URL=None))
        with self.assertRaisesRegex(ImproperlyConfigured, "STATIC_URL"):
            self.start(StaticLiveServerTestCase)

    def test_an_application_that_is_not_there_is_named(self) -> None:
        self.enterContext(override_settings(ASGI_APPLICATION="live_django.nowhere.application"))
        with self.assertRaisesRegex(ImproperlyConfigured, "ASGI_APPLICATION = 'live_django.nowhere.application'"):
            self.start()

    def test_what_is_for_wsgi_is_refused(self) -> None:
        before = self.sharing_counts()
        with self.assertRaisesRegex(ImproperlyConfigured, "static_handler = StaticFilesHandler is for WSGI"):
            self.start(static_handler=StaticFilesHandler)
        with self.assertRaisesRegex(ImproperlyConfigured, "server_thread_class = LiveServerThread is for WSGI"):
            self.start(server_thread_class=LiveServerThread)
        self.doCleanups()
        self.assertEqual(self.sharing_counts(), before)

    def test_an_option_that_is_none_is_refused(self) -> None:
        with self.assertRaisesRegex(TypeError, "tsl"):
            self.start(options={"tsl": True})

    def test_without_an_asgi_application_django_has_its_own(self) -> None:
        self.enterContext(override_settings(ASGI_APPLICATION=None))
        case = self.start()
        with urlopen(case.live_server_url + "/about/") as response:
            self.assertEqual(response.status, 200)

    def test_the_language_of_a_test_is_not_the_servers(self) -> None:
        with translation.override("de"):
            case = self.start()
        with urlopen(case.live_server_url + "/about/") as response:
            self.assertEqual(json.load(response)["language"], "en-us")


class TestViews(FolderCase):
    def test_a_path_that_is_nowhere_is_a_404(self) -> None:
        self.assertEqual(self.status("/"), 404)
        self.assertEqual(self.status("/static/"), 404)
        self.assertEqual(self.status("/media/sub/"), 404)

    def test_a_view_sees_the_request(self) -> None:
        about = self.about(q="тест")
        self.assertEqual(about["query"], "q=%D1%82%D0%B5%D1%81%D1%82")
        self.assertEqual((about["q"], about["method"], about["is_secure"]), ("тест", "GET", False))

    def test_collected_and_uploaded_files_are_served(self) -> None:
        self.assertEqual(self.read("/static/sub/file.txt"), "a static file")
        self.assertEqual(self.read("/media/sub/file.txt"), "a media file")

    def test_a_file_is_whole_however_large(self) -> None:
        content = os.urandom(300_000)
        (self.folder / "media" / "large").write_bytes(content)
        with urlopen(self.live_server_url + "/media/large") as response:
            self.assertEqual(response.read(), content)

    def test_files_outside_of_their_folder_stay_there(self) -> None:
        (self.folder / "secret.txt").write_text("secret")
        self.assertEqual(self.status("/media/../secret.txt"), 404)
        self.assertEqual(self.status("/media/%2e%2e/secret.txt"), 404)
        self.assertEqual(self.status("/media//secret.txt"), 404)
        self.assertEqual(self.status("/media/%00"), 404)

    def test_files_of_apps_need_collectstatic(self) -> None:
        self.assertEqual(self.status("/static/live_django/found.txt"), 404)

    def test_a_folder_may_be_another_one_in_a_test(self) -> None:
        (self.folder / "sub").mkdir()
        (self.folder / "sub" / "new.txt").write_text("new")
        with override_settings(MEDIA_ROOT=self.folder / "sub"):
            self.assertEqual(self.read("/media/new.txt"), "new")

    def test_a_view_can_ask_its_own_server(self) -> None:
        self.assertIn("emily", self.read("/ask-people/"))

    def test_events_are_streamed(self) -> None:
        with self.server.events("/ticks/") as events:
            self.assertEqual([event.data for event in events], ["0", "1", "2"])


class TestStaticFiles(StaticLiveServerTestCase):
    def test_files_of_apps_are_found(self) -> None:
        with urlopen(self.live_server_url + "/static/live_django/found.txt") as response:
            self.assertEqual(response.read(), b"found in an app\n")

    def test_without_a_media_folder_nothing_is_served_from_it(self) -> None:
        with self.server.client() as client:
            self.assertEqual(client.get("/media/settings.py").status_code, 404)


class TestDatabase(Case):
    fixtures = ["people.json"]
    databases = {"default", "other"}

    def test_fixtures_are_seen_by_views(self) -> None:
        self.assertEqual(self.read("/people/"), "jane\nrobert")

    def test_writes_of_views_are_seen_by_the_test(self) -> None:
        self.read("/add/", name="emily")
        self.read("/add-async/", name="tom")
        self.assertEqual([person.name for person in Person.objects.order_by("pk")], ["jane", "robert", "emily", "tom"])

    def test_writes_of_the_test_are_seen_by_views(self) -> None:
        Person.objects.create(name="emily")
        self.assertEqual(self.read("/people/"), "jane\nrobert\nemily")

    def test_so_it_is_with_several_databases(self) -> None:
        Person.objects.using("other").create(name="otto")
        self.read("/add/", name="olga", using="other")
        self.assertEqual(self.read("/people/", using="other"), "jane\nrobert\notto\nolga")
        self.assertEqual(Person.objects.using("other").count(), 4)
        self.assertEqual(self.read("/people/"), "jane\nrobert")

    def test_a_websocket_uses_the_database(self) -> None:
        with self.server.websocket("/") as socket:
            socket.send("emily")
            self.assertEqual(socket.recv(), "3")
        self.assertTrue(Person.objects.filter(name="emily").exists())

    def test_requests_run_side_by_side(self) -> None:
        threads = [threading.Thread(target=self.read, args=("/add/",), kwargs={"name": "x"}) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(Person.objects.count(), 10)

    @unittest.skipUnless(IS_IN_MEMORY, "a file can be opened by each thread")
    def test_a_database_in_memory_has_one_connection(self) -> None:
        self.assertEqual(self.about()["connection"], id(connections["default"]))
        with connection.cursor() as cursor:  # which would lock other connections out
            cursor.execute("BEGIN IMMEDIATE TRANSACTION")
            try:
                self.assertEqual(self.status("/add/?name=emily"), 200)
            finally:
                cursor.execute("ROLLBACK")

    @unittest.skipIf(IS_IN_MEMORY, "a database in memory has one connection")
    def test_connections_are_closed_behind_each_request(self) -> None:
        opened: list[Any] = []

        def remember(sender: Any, connection: Any, **_: Any) -> None:
            opened.append(connection)

        connection_created.connect(remember)
        self.addCleanup(connection_created.disconnect, remember)
        for alias in self.databases:
            settings_dict = connections[alias].settings_dict
            self.enterContext(unittest.mock.patch.dict(settings_dict, {"CONN_MAX_AGE": None}))
        self.read("/people/")
        self.read("/people/", using="other")
        self.server.settle()
        self.assertEqual([one.alias for one in opened], ["default", "other"])
        self.assertEqual([one.connection for one in opened], [None, None])


class TestSerializedRollback(Case):
    serialized_rollback = True

    def test_rows_of_migrations_are_there(self) -> None:
        self.assertEqual(Motto.objects.get().text, "from a migration")
        Motto.objects.all().delete()

    def test_rows_of_migrations_are_there_again(self) -> None:
        self.assertEqual(Motto.objects.get().text, "from a migration")
        Motto.objects.all().delete()


class TestEndOfATest(Case):
    """In the order of their names."""

    def test_1_a_stream_is_left_open(self) -> None:
        views.left.clear()
        response = urlopen(self.live_server_url + "/add-at-the-end/?name=late")
        self.addClassCleanup(response.close)
        self.assertEqual(response.readline(), b"it begins\n")

    def test_2_what_it_wrote_at_its_end_has_been_flushed(self) -> None:
        self.assertTrue(views.left.is_set())
        self.assertEqual(Person.objects.count(), 0)

    def test_3_a_view_is_left_waiting(self) -> None:
        for event in (views.entered, views.told, views.left):
            event.clear()
        thread = threading.Thread(target=self.ask_in_vain)
        thread.start()
        self.addClassCleanup(thread.join)
        self.addClassCleanup(views.told.set)
        views.entered.wait()

    def ask_in_vain(self) -> None:
        with contextlib.suppress(OSError):  # the connection is cut off
            self.status("/add-when-told/?name=late")

    def test_4_it_cannot_write_into_the_next_tests_database(self) -> None:
        views.told.set()
        views.left.wait()
        self.assertEqual(Person.objects.count(), 0)
        self.assertIsInstance(views.outcome.pop(), DatabaseError)
        self.assertEqual(self.read("/add/", name="in time"), "")
        self.assertEqual(Person.objects.get().name, "in time")


class TestExceptions(TransactionTestCase):
    def outcome(self, *, raises: bool) -> unittest.TestResult:
        """Of a test that asks a view which raises."""

        class Failing(Case):
            raise_server_exceptions = raises

            def runTest(self) -> None:
                self.assertEqual(self.status("/fail/?why=on%20purpose"), 500)

        result = unittest.TestResult()
        unittest.TestSuite([Failing()]).run(result)
        self.assertEqual((result.testsRun, result.failures), (1, []))
        return result

    def test_a_view_that_raises_fails_its_test(self) -> None:
        (error,) = self.outcome(raises=True).errors
        self.assertIn("ValueError: on purpose", error[1])

    def test_unless_it_is_not_to(self) -> None:
        self.assertEqual(self.outcome(raises=False).errors, [])

    def test_with_debug_propagate_exceptions_it_is_told_once(self) -> None:
        with override_settings(DEBUG_PROPAGATE_EXCEPTIONS=True):
            (error,) = self.outcome(raises=True).errors
        self.assertIn("ValueError: on purpose", error[1])
        self.assertNotIn("the application let out 2", error[1])


class TestClientBesideIt(Case):
    raise_server_exceptions = True

    def test_what_djangos_own_client_meets_is_not_the_servers(self) -> None:
        with self.assertRaises(ValueError):
            self.client.get("/fail/")
        self.assertEqual(self.server.errors, [])


class TestTls(Case):
    options = {"tls": True}

    def test_the_url_is_https(self) -> None:
        self.assertEqual(self.live_server_url, f"https://localhost:{self.server_thread.port}")
        self.assertTrue(self.live_server_ws_url.startswith("wss://localhost:"))

    def test_requests_are_secure(self) -> None:
        with urlopen(self.live_server_url + "/about/", context=self.server.ssl_context()) as response:
            self.assertTrue(json.load(response)["is_secure"])
        with self.server.client() as client:
            self.assertTrue(client.get("/about/").json()["is_secure"])


@unittest.skipUnless(HAS_CHANNELS, "Channels isn't installed")
@override_settings(ASGI_APPLICATION="live_django.channels_asgi.application")
class TestChannels(Case):
    def test_a_consumer_uses_the_database(self) -> None:
        with self.server.websocket("/register/", origin=self.live_server_url) as socket:
            socket.send("emily")
            self.assertEqual(socket.recv(), "1")
        self.assertEqual(Person.objects.get().name, "emily")

    def test_views_are_served_beside_it(self) -> None:
        self.assertEqual(self.about()["method"], "GET")
