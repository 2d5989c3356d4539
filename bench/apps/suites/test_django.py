"""Django's live server, which belongs to a class: so each test has a class. SUITE_TEST_CASE names the base."""

from __future__ import annotations

import os
from typing import Any

import django
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils.module_loading import import_string
from one_request import IS_SERVED, NUMBERS, ask

settings.configure(DATABASES={}, ROOT_URLCONF=__name__, STATIC_URL="/static/", MEDIA_URL="/media/")
django.setup()

from django.test import TransactionTestCase  # noqa: E402

# Its import is no part of a test's time.
SERVED = import_string(os.environ["SUITE_TEST_CASE"])


def hello(request: HttpRequest) -> HttpResponse:
    return HttpResponse("hello")


urlpatterns = [path("", hello)]


class OneRequest:
    databases: frozenset[str] = frozenset()

    def test_one_request(self) -> None:
        thread: Any = getattr(self, "server_thread", None)
        ask(thread.port if thread else 0)


for number in NUMBERS:
    base = SERVED if IS_SERVED else TransactionTestCase
    globals()[f"Test{number}"] = type(f"Test{number}", (OneRequest, base), {})
# pytest would take it for a class of tests.
del base
