# SPDX-License-Identifier: MIT
"""The command line, made from Config's fields."""

from __future__ import annotations

import argparse
import dataclasses
import functools
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from outrider import __version__
from outrider._config import Config
from outrider._exceptions import StartError
from outrider._logs import to_stderr
from outrider._server import Server
from outrider._uvicorn_options import allowed_by_environment

# uvicorn's exit status for an application that doesn't start.
STARTUP_FAILURE = 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Serves the application named on the command line; returns the exit status.

    0 after a stop, 2 for a mistake on the command line, 3 when the server can't start.
    """
    parser = make_parser()
    parser.set_defaults(trusted_proxies=None)
    options = vars(parser.parse_args(arguments))
    if options["trusted_proxies"] is None:
        options["trusted_proxies"] = allowed_by_environment() or ""
    sys.path.insert(0, options.pop("app_dir"))
    try:
        config = Config(options.pop("app"), **options)
    except ValueError as error:
        print(f"outrider: {error}", file=sys.stderr)
        return 2
    with to_stderr():
        try:
            Server(config).run()
        except StartError as error:
            print(f"outrider: {error}", file=sys.stderr)
            return STARTUP_FAILURE
    return 0


def make_parser() -> argparse.ArgumentParser:
    """One option for each field of Config that has one."""
    parser = argparse.ArgumentParser(prog="outrider", description="Serve an ASGI application.")
    parser.add_argument("app", metavar="module:app", help="the ASGI application")
    parser.add_argument("--version", action="version", version=f"outrider {__version__}")
    parser.add_argument("--app-dir", default=".", help="folder that the application is imported from")
    _add_options(parser)
    return parser


def parse_options(arguments: Sequence[str]) -> dict[str, Any]:
    """The options among ``Config``'s that are given, in the spelling of the command line. Raises ``ValueError``."""
    parser = _OptionsParser(usage="", add_help=False, allow_abbrev=False)
    _add_options(parser)
    for action in parser._actions:
        action.default = argparse.SUPPRESS
    return vars(parser.parse_args(arguments))


class _OptionsParser(argparse.ArgumentParser):
    """One that raises instead of ending the program."""

    def error(self, message: str) -> NoReturn:
        raise ValueError(message)


def _add_options(parser: argparse.ArgumentParser) -> None:
    for spec in dataclasses.fields(Config):
        if spec.name != "app" and spec.metadata.get("cli", True):
            _add_option(parser, spec)


def _add_option(parser: argparse.ArgumentParser, spec: dataclasses.Field[Any]) -> None:
    flag = "--" + spec.name.replace("_", "-")
    shown = "" if spec.default in (None, "", ()) else f" (default: {spec.default})"
    help_text = (spec.metadata["help"] + shown).replace("%", "%%")
    annotation = str(spec.type)
    if annotation == "bool":
        parser.add_argument(flag, action=argparse.BooleanOptionalAction, default=spec.default, help=help_text)
        return
    if "flag" in spec.metadata:
        metavar = spec.metadata.get("metavar", "NAME:VALUE")
        parser.add_argument(
            spec.metadata["flag"],
            dest=spec.name,
            action=_Collect,
            default=spec.default,
            type=functools.partial(_pair, metavar),
            metavar=metavar,
            help=help_text,
        )
        return
    number = float if annotation.startswith("float") else int if annotation.startswith("int") else str
    parser.add_argument(
        flag, type=number, default=spec.default, choices=spec.metadata.get("choices"), help=help_text, metavar=None
    )


class _Collect(argparse.Action):
    """Adds each occurrence of the option to a tuple, which Config's default is."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        setattr(namespace, self.dest, (*getattr(namespace, self.dest, ()), values))


def _pair(wanted: str, text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon:
        raise argparse.ArgumentTypeError(f"{text!r} has no colon: {wanted} is wanted")
    return name, value.strip()
