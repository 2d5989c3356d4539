# SPDX-License-Identifier: MIT
"""From ``"module:attribute"`` to the application."""

from __future__ import annotations

import importlib
import inspect
import traceback
from collections.abc import Mapping
from typing import Any

from outrider._exceptions import AppImportError


def import_from_string(text: str) -> Any:
    """The object that ``"package.module:attribute.attribute"`` names.

    Raises ``AppImportError``, with the exception of the module itself as its cause when importing it fails.
    """
    module_name, separator, attributes = text.partition(":")
    if not module_name or not separator or not attributes:
        raise AppImportError(f"{text!r} is not of the form 'module:attribute', for example 'main:app'")
    try:
        target = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not (module_name + ".").startswith(error.name + "."):
            raise AppImportError(f"importing {module_name!r} failed: {error}{_where(error)}") from error
        if module_name.endswith(".py"):
            module = module_name.removesuffix(".py")
            raise AppImportError(f"{module_name!r} is a file: write {module}:{attributes} for its module") from error
        raise AppImportError(
            f"there is no module {module_name!r}; is it on the Python path, and is the program started in its folder?"
        ) from error
    except (Exception, SystemExit) as error:
        raise AppImportError(
            f"importing {module_name!r} failed: {type(error).__name__}: {error}{_where(error)}"
        ) from error
    for attribute in attributes.split("."):
        try:
            target = getattr(target, attribute)
        except AttributeError as error:
            raise AppImportError(f"{module_name!r} has no attribute {attributes!r}") from error
    return target


def _where(error: BaseException) -> str:
    """``" (file.py, line 3)"``: where the exception came from."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith("<frozen importlib")
    ]
    return f" ({frames[-1].filename}, line {frames[-1].lineno})" if len(frames) > 1 else ""


def load_app(app: Any, factory: bool, arguments: Mapping[str, Any] | None = None) -> Any:
    """The ASGI callable behind the ``app`` option. Raises ``AppImportError``."""
    target = import_from_string(app) if isinstance(app, str) else app
    if factory:
        try:
            target = target(**(arguments or {}))
        except (Exception, SystemExit) as error:
            raise AppImportError(
                f"the application factory {app!r} failed: {type(error).__name__}: {error}{_where(error)}"
            ) from error
        if inspect.iscoroutine(target):
            target.close()
            raise AppImportError(f"the application factory {app!r} is async: it must return the application itself")
    if not callable(target):
        raise AppImportError(
            f"{target!r} is not an ASGI application: it can't be called"
            + ("" if factory else "; if it is made by a function, pass factory=True")
        )
    return target
