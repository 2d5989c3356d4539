# SPDX-License-Identifier: MIT
"""TLS: its options as the engine takes them, and the throw-away authority."""

from __future__ import annotations

import os
import ssl
from typing import TYPE_CHECKING, Any

from outrider._engine import throw_away_certificate

if TYPE_CHECKING:
    from outrider._config import Config

# uvicorn's default of ssl_version, and what older programs give for the same: the client and the server agree on the
# best that both have.
_NEGOTIATED = (None, ssl.PROTOCOL_TLS_SERVER, ssl.PROTOCOL_TLS)

_PATHS = ("ssl_keyfile", "ssl_certfile", "ssl_ca_certs")
_WORDS = ("ssl_keyfile_password", "ssl_ciphers")


def take_tls_options(options: dict[str, Any]) -> dict[str, Any]:
    """uvicorn's options of TLS by what they mean here: paths and PEM as str, its defaults as ours. Raises
    ``ValueError`` for what can't be had."""
    kept = dict(options)
    version = kept.pop("ssl_version", None)
    if version not in _NEGOTIATED:
        raise ValueError(
            f"ssl_version={version!r}, an option of uvicorn's, can't be had: the best version that the client has is "
            "taken, from ssl_minimum_version='1.2' on"
        )
    if kept.pop("ssl_context_factory", None) is not None:
        raise ValueError(
            "ssl_context_factory, an option of uvicorn's, can't be had: an ssl.SSLContext keeps its certificates "
            "to itself; give the files, or PEM text, as ssl_certfile and ssl_keyfile"
        )
    if kept.get("ssl_ciphers") == "TLSv1":  # uvicorn's default, which leaves the choice to OpenSSL
        kept["ssl_ciphers"] = None
    for name in _PATHS:
        if name in kept:
            kept[name] = _text(kept[name])
    if isinstance(kept.get("ssl_cert_reqs"), int):
        kept["ssl_cert_reqs"] = int(kept["ssl_cert_reqs"])  # an ssl.VerifyMode
    if isinstance(kept.get("ssl_more_certs"), (list, tuple)):
        kept["ssl_more_certs"] = tuple(
            tuple(map(_text, pair)) if isinstance(pair, (list, tuple)) else pair for pair in kept["ssl_more_certs"]
        )
    return kept


def _text(value: Any) -> Any:
    """A path as str, PEM as str; anything else is for Config to refuse."""
    if isinstance(value, bytes) and b"-----BEGIN " in value:
        return value.decode("ascii", "replace")
    if isinstance(value, (bytes, os.PathLike)):
        return os.fsdecode(value)
    return value or None


def check_tls(config: Config) -> None:
    """Raises ``ValueError`` or ``TypeError`` for options of TLS that don't go together."""
    certificate, is_secured = config.ssl_certfile, config.is_secured
    if config.tls and certificate is not None:
        raise ValueError("tls=True makes a throw-away certificate, and ssl_certfile names another: choose one")
    if config.ssl_keyfile is not None and certificate is None:
        raise ValueError("ssl_keyfile is given, but not the certificate that it belongs to: ssl_certfile")
    for name in ("ssl_keyfile_password", "ssl_more_certs", "ssl_ca_certs", "ssl_cert_reqs", "ssl_ciphers"):
        if getattr(config, name) and not is_secured:
            raise ValueError(f"{name} is of no use without a certificate: give ssl_certfile, or tls=True for tests")
    if config.ssl_keyfile_password and config.tls:
        raise ValueError("ssl_keyfile_password is of no use with tls=True, whose key isn't encrypted")
    if config.ssl_minimum_version != "1.2" and not is_secured:
        raise ValueError(
            f"ssl_minimum_version={config.ssl_minimum_version!r} is of no use without a certificate: give "
            "ssl_certfile, or tls=True for tests"
        )
    for pair in config.ssl_more_certs:
        if not (isinstance(pair, (list, tuple)) and len(pair) == 2 and all(isinstance(part, str) for part in pair)):
            raise TypeError(f"ssl_more_certs has {pair!r}, which is no pair of a certificate and its key")
    _check_text(config)
    if config.ssl_cert_reqs not in (ssl.CERT_NONE, ssl.CERT_OPTIONAL, ssl.CERT_REQUIRED):
        raise ValueError(f"ssl_cert_reqs={config.ssl_cert_reqs!r} is not one of 0 (none), 1 (optional), 2 (required)")
    if config.ssl_cert_reqs and config.ssl_ca_certs is None:
        raise ValueError(
            f"ssl_cert_reqs={config.ssl_cert_reqs!r} asks clients for certificates, and ssl_ca_certs doesn't name the "
            "authorities that are believed"
        )
    if config.ssl_ca_certs is not None and not config.ssl_cert_reqs:
        raise ValueError("ssl_ca_certs is of no use with ssl_cert_reqs=0: clients aren't asked for certificates")


def _check_text(config: Config) -> None:
    """Raises ``ValueError`` for what no file can be named, and nothing be encrypted with. Shows none of it: a key may
    be among it."""
    certificates = [part for pair in config.ssl_more_certs for part in pair]
    texts = [(name, getattr(config, name)) for name in (*_PATHS, *_WORDS)]
    for name, text in texts + [("ssl_more_certs", part) for part in certificates]:
        if "\0" in (text or ""):
            raise ValueError(f"{name} has a NUL character, and would end there")
        try:
            (text or "").encode("utf-8", "strict" if name in _WORDS else "surrogateescape")
        except UnicodeEncodeError:
            raise ValueError(f"{name} has a lone surrogate, which UTF-8 has no form of") from None


def throw_away(host: str) -> tuple[str, str, str]:
    """A certificate for localhost and ``host``, its key, and the authority that made it. Raises ``ValueError``."""
    return throw_away_certificate([] if host in ("", "0.0.0.0", "::") else [host])


def to_engine(config: Config, thrown_away: tuple[str, str, str] | None) -> dict[str, Any]:
    """What ``Engine.secure()`` takes."""
    certificate, key, authority = thrown_away or (config.ssl_certfile or "", config.ssl_keyfile or "", "")
    return {
        "certificate": certificate,
        "private_key": key,
        "password": config.ssl_keyfile_password or "",
        "more_certificates": list(config.ssl_more_certs),
        "client_certificates": config.ssl_cert_reqs,
        "client_ca": config.ssl_ca_certs or "",
        "minimum_version": config.ssl_minimum_version,
        "ciphers": config.ssl_ciphers or "",
        "ca_pem": authority,
    }


def client_context(ca_pem: str) -> ssl.SSLContext:
    """For a client that trusts that authority, and no other."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=ca_pem)
    return context
