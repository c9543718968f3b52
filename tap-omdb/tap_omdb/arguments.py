"""What the command line names: files of JSON, read so that a bad one is told in one line."""

from __future__ import annotations

import json
import logging
from typing import IO, TYPE_CHECKING, Any

import click
from singer_sdk.singerlib import Catalog
from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_A_CONFIG = 'it must hold an object such as {"api_key": "...", "years": [2010]}'
_A_STATE = 'it must hold the last line that the target printed, such as {"bookmarks": {...}}'
_A_CATALOG = "it must hold what tap-omdb --discover prints"


class ArgumentError(click.ClickException):
    """A file that can't be used; the text names the option, the file and the remedy."""

    @override
    def show(self, file: IO[Any] | None = None) -> None:
        """Tell it as bad settings are told."""
        logging.getLogger("tap-omdb").error(self.message)


def read_config(path: str) -> dict[str, Any]:
    """Return what a config file holds.

    Raises:
        ArgumentError: If it is no JSON object.
    """
    return _parse("--config", path, _read("--config", path), _A_CONFIG)


def read_state(path: str) -> str:
    """Return the text of a state file, in which there is a state.

    Raises:
        ArgumentError: If it is no JSON object, or no state.
    """
    text = _read("--state", path)
    state = _parse("--state", path, text, _A_STATE)
    bookmarks = state.get("bookmarks") if state else {}
    if not isinstance(bookmarks, dict) or not all(
        isinstance(bookmark, dict) for bookmark in bookmarks.values()
    ):
        message = f"--state: {path} is no state: {_A_STATE}"
        raise ArgumentError(message)
    return text


def read_catalog(path: str, streams: Collection[str]) -> str:
    """Return the text of a catalog file, in which there is at least one of these streams.

    Raises:
        ArgumentError: If it is no JSON object, or no catalog of the tap's.
    """
    text = _read("--catalog", path)
    catalog = _parse("--catalog", path, text, _A_CATALOG)
    if not {*_stream_ids(catalog)} & {*streams}:
        message = f"--catalog: {path} has none of the tap's streams: {_A_CATALOG}"
        raise ArgumentError(message)
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
        message = f"{option}: {path} can't be read ({error.strerror}): check the path"
    except UnicodeDecodeError:
        message = f"{option}: {path} is not text in UTF-8: save it as that"
    raise ArgumentError(message)


def _parse(option: str, path: str, text: str, wanted: str) -> dict[str, Any]:
    if not text.strip():
        message = f"{option}: {path} is empty: {wanted}"
        raise ArgumentError(message)
    try:
        value = json.loads(text)
    except ValueError as error:
        message = f"{option}: {path} is not JSON ({error}): {wanted}"
        raise ArgumentError(message) from None
    if not isinstance(value, dict):
        message = f"{option}: {path} holds no JSON object: {wanted}"
        raise ArgumentError(message)
    return value
