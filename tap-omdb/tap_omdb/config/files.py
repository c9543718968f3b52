"""Reads the JSON files that the command line names; an invalid one is a one-line error."""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Mapping
from typing import IO, Any

import click
from singer_sdk.singerlib import Catalog
from typing_extensions import override

_A_CONFIG = 'it must hold an object such as {"api_key": "...", "years": [2010]}'
_A_STATE = 'it must hold the last line that the target printed, such as {"bookmarks": {...}}'
_A_CATALOG = "it must hold what tap-omdb --discover prints"


class FileError(click.ClickException):
    """An invalid file; the message names the option, the file and the remedy."""

    @override
    def show(self, file: IO[Any] | None = None) -> None:
        """Log the message, as those about invalid settings are."""
        logging.getLogger("tap-omdb").error(self.message)


def read_config(path: str) -> dict[str, Any]:
    """Return the content of a config file.

    Raises:
        FileError: It is not a JSON object.
    """
    return _parse("--config", path, _read("--config", path), _A_CONFIG)


def read_state(path: str) -> str:
    """Return the text of a state file after checking that it contains a state.

    Raises:
        FileError: It is not a JSON object, or not a state.
    """
    text = _read("--state", path)
    state = _parse("--state", path, text, _A_STATE)
    bookmarks = state.get("bookmarks") if state else {}
    if not isinstance(bookmarks, dict) or not all(
        isinstance(bookmark, dict) for bookmark in bookmarks.values()
    ):
        message = f"--state: {path} is not a state: {_A_STATE}"
        raise FileError(message)
    return text


def read_catalog(path: str, streams: Collection[str]) -> str:
    """Return the text of a catalog file after checking that it has one of these streams.

    Raises:
        FileError: It is not a JSON object, or not a catalog of the tap.
    """
    text = _read("--catalog", path)
    catalog = _parse("--catalog", path, text, _A_CATALOG)
    if not {*_stream_ids(catalog)} & {*streams}:
        message = f"--catalog: {path} has none of the tap's streams: {_A_CATALOG}"
        raise FileError(message)
    return text


def _stream_ids(catalog: Mapping[str, Any]) -> list[str]:
    try:
        return [*Catalog.from_dict(dict(catalog))]
    except (AttributeError, KeyError, TypeError, ValueError):
        return []


def _read(option: str, path: str) -> str:
    try:
        with click.open_file(path, encoding="utf-8") as file:
            return str(file.read())
    except OSError as error:
        message = f"{option}: {path} cannot be read ({error.strerror}): check the path"
    except UnicodeDecodeError:
        message = f"{option}: {path} is not UTF-8 text: save it as UTF-8"
    raise FileError(message)


def _parse(option: str, path: str, text: str, expected: str) -> dict[str, Any]:
    if not text.strip():
        message = f"{option}: {path} is empty: {expected}"
        raise FileError(message)
    try:
        value = json.loads(text)
    except ValueError as error:
        message = f"{option}: {path} is not JSON ({error}): {expected}"
        raise FileError(message) from None
    if not isinstance(value, dict):
        message = f"{option}: {path} does not hold a JSON object: {expected}"
        raise FileError(message)
    return value
