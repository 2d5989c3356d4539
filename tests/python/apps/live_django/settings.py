"""The databases are SQLite's: in memory, or in LIVE_DJANGO_FOLDER if that is set."""

from __future__ import annotations

import os
from typing import Any

SECRET_KEY = "for the tests only"
ROOT_URLCONF = "live_django.urls"
ASGI_APPLICATION = "live_django.asgi.application"
INSTALLED_APPS = ["django.contrib.staticfiles", "live_django"]
STATIC_URL = "static/"
MEDIA_URL = "media/"
LOGGING_CONFIG = None
USE_TZ = True

DATABASES: dict[str, dict[str, Any]] = {
    "default": {"ENGINE": "django.db.backends.sqlite3"},
    "other": {"ENGINE": "django.db.backends.sqlite3"},
}
if folder := os.environ.get("LIVE_DJANGO_FOLDER"):
    for name, database in DATABASES.items():
        database["TEST"] = {"NAME": os.path.join(folder, f"{name}.sqlite3")}
