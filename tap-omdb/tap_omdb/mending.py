"""Reads what environment variables and other tools can't say as JSON does. Pure."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_NUMBER = re.compile(r"\s*-?\d+(\.\d+)?\s*")
_YEAR = re.compile(r"\s*\d{4}\s*")
_TRUTH = {
    **dict.fromkeys(("true", "yes", "on", "1"), True),
    **dict.fromkeys(("false", "no", "off", "0"), False),
}


def mend(config: Mapping[str, Any], properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return a config with what environment variables and other tools can't say as JSON does.

    Null and empty text are left out, since they mean the default. Text is read as what the
    setting wants: a number, true or false, JSON, or a list with commas ("2010, 2012-2015"), and
    a list of one thing may be that thing (2010). What can't be read stays as it is.

    Args:
        config: The config as given.
        properties: The JSON schema of each setting, by name.
    """
    mended = {
        name: _mend(value, properties.get(name, {}))
        for name, value in config.items()
        if value is not None and value != ""
    }
    titles = mended.get("titles")
    if isinstance(titles, list):
        mended["titles"] = [*map(_mend_title, titles)]
    return mended


def _mend(value: object, schema: Mapping[str, Any]) -> object:
    kinds = schema.get("type", ())
    if isinstance(value, Decimal):  # as the SDK reads JSON
        value = float(value)
    if isinstance(value, float) and value.is_integer() and "integer" in kinds:
        return int(value)
    if "array" in kinds:
        return _mend_list(value, schema.get("items", {}).get("type", ()))
    if isinstance(value, str):
        return _mend_text(value, kinds)
    return value


def _mend_text(text: str, kinds: Collection[str]) -> object:
    if "object" in kinds:
        return _from_json(text, dict)
    if "boolean" in kinds:
        return _TRUTH.get(text.strip().lower(), text)
    if _NUMBER.fullmatch(text):
        number = float(text) if "." in text else int(text)
        if "number" in kinds or ("integer" in kinds and isinstance(number, int)):
            return number
    return text


def _mend_list(value: object, kinds: Collection[str]) -> object:
    if isinstance(value, int) and not isinstance(value, bool) and "integer" in kinds:
        return [value]
    if not isinstance(value, str):
        return value
    found = _from_json(value, list)
    if found is value and "string" in kinds:
        parts = (part.strip(" \t\r\n'\"") for part in value.strip(" \t\r\n[]").split(","))
        return [part for part in parts if part]
    return found


def _mend_title(item: object) -> object:
    if isinstance(item, dict) and _YEAR.fullmatch(str(item.get("year"))):
        return {**item, "year": int(item["year"])}
    return item


def _from_json(text: str, kind: type) -> object:
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, kind) else text
