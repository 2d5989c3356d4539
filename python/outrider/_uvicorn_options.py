# SPDX-License-Identifier: MIT
"""uvicorn's options that Outrider hasn't: taken where they ask for nothing, refused with the reason elsewhere."""

from __future__ import annotations

import os
from typing import Any

from outrider._tls import take_tls_options

# uvicorn's options that Outrider hasn't, with the values that mean here what they mean there: nothing to do. Any other
# value is refused with the reason.
_NEUTRAL: dict[str, tuple[tuple[Any, ...], str]] = {
    "workers": ((None, 1), "there is one process; start several programs on one socket (fd=) for more"),
    "reload": ((None, False), "there is no reloading yet"),
    "reload_dirs": ((None, "", []), "there is no reloading yet"),
    "reload_includes": ((None, "", []), "there is no reloading yet"),
    "reload_excludes": ((None, "", []), "there is no reloading yet"),
    "reload_delay": ((None, 0.25), "there is no reloading yet"),
    "log_config": ((None,), "Outrider sets up no logging: use logging.config.dictConfig() for that"),
    "use_colors": ((None, False), "Outrider sets up no logging, and so no colours"),
    "http": (("auto", "h11", "httptools"), "there is one HTTP implementation, Outrider's own"),
    "interface": (("auto", "asgi3"), "applications are ASGI 3 here"),
    "app_dir": ((None, ""), "put the folder on sys.path, or start the program in it"),
    "env_file": ((None,), "load it before, with python-dotenv for example"),
    "h11_max_incomplete_event_size": ((None,), "there is head_bytes_max"),
    "callback_notify": ((None,), "nothing calls it"),
    "timeout_notify": ((None, 30), "nothing calls it"),
    "timeout_worker_healthcheck": ((None, 5), "there are no workers"),
}


# What uvicorn calls otherwise; `accesslog` is gunicorn's, as is `access_log_format`, which is called the same here.
_RENAMED = {"limit_max_requests": "stop_after", "limit_concurrency": "exchanges_max", "accesslog": "access_log_file"}


# What uvicorn reads of a proxy's fields; others stay what the client wrote.
_FIELDS = "x-forwarded-for,x-forwarded-proto"


def allowed_by_environment() -> str | None:
    """The proxies that uvicorn's environment variable names."""
    return os.environ.get("FORWARDED_ALLOW_IPS")


def _take_proxies(options: dict[str, Any]) -> dict[str, Any]:
    """uvicorn's ``proxy_headers``, a bool there, and ``forwarded_allow_ips``. The former is true by default there, so
    that loopback is trusted unasked; here one of the two must be given."""
    kept = dict(options)
    allowed = kept.pop("forwarded_allow_ips", None)
    wanted = kept.get("proxy_headers")
    if allowed is not None and "trusted_proxies" in kept:
        raise ValueError(
            "forwarded_allow_ips, uvicorn's option, and trusted_proxies can't be used together: they are one"
        )
    if wanted is False:
        return {**kept, "proxy_headers": ""}
    if wanted is True or (wanted is None and allowed is not None):
        kept["proxy_headers"] = _FIELDS
    elif wanted is None:
        kept.pop("proxy_headers", None)
    if allowed is None and wanted is True:
        allowed = allowed_by_environment() or "127.0.0.1"
    if allowed is not None:
        kept.setdefault("trusted_proxies", allowed)
    return kept


def take_uvicorn_options(options: dict[str, Any]) -> dict[str, Any]:
    """``options`` by Outrider's names, without those of uvicorn's that it hasn't. Raises ``ValueError`` where one of
    these asks for something."""
    kept = {}
    for name, value in _take_proxies(take_tls_options(options)).items():
        if name in _RENAMED:
            if value is not None:
                kept[_RENAMED[name]] = value
            continue
        if name == "headers" and value is None:
            continue
        rule = _NEUTRAL.get(name)
        if rule is None:
            kept[name] = value
        elif value not in rule[0]:
            raise ValueError(f"{name}={value!r}, an option of uvicorn's, can't be had: {rule[1]}")
    return kept
