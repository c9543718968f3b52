"""Converts settings that come as text, as from environment variables, to their JSON types. Pure."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_NUMBER = re.compile(r"\s*-?\d+(\.\d+)?\s*")
_YEAR = re.compile(r"\s*\d{4}\s*")
_BOOLEANS = {
    **dict.fromkeys(("true", "yes", "on", "1"), True),
    **dict.fromkeys(("false", "no", "off", "0"), False),
}


def coerce(config: Mapping[str, Any], properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return a config with each setting converted to the type that its schema requires.

    Null and empty text are left out, since they mean the default. Text is converted to a number,
    a boolean, or a list ("2010, 2012-2015"), or parsed as JSON; a single value (2010) becomes a
    list of one. What cannot be converted stays as it is.

    Args:
        config: The config as given.
        properties: The JSON schema of each setting, by name.
    """
    coerced = {
        name: _coerce(value, properties.get(name, {}))
        for name, value in config.items()
        if value is not None and value != ""
    }
    titles = coerced.get("titles")
    if isinstance(titles, list):
        coerced["titles"] = [*map(_coerce_title, titles)]
    return coerced


def _coerce(value: object, schema: Mapping[str, Any]) -> object:
    types = schema.get("type", ())
    if isinstance(value, Decimal):  # as the SDK parses JSON
        value = float(value)
    if isinstance(value, float) and value.is_integer() and "integer" in types:
        return int(value)
    if "array" in types:
        return _coerce_list(value, schema.get("items", {}).get("type", ()))
    if isinstance(value, str):
        return _coerce_text(value, types)
    return value


def _coerce_text(text: str, types: Collection[str]) -> object:
    if "object" in types:
        return _from_json(text, dict)
    if "boolean" in types:
        return _BOOLEANS.get(text.strip().lower(), text)
    if _NUMBER.fullmatch(text):
        number = float(text) if "." in text else int(text)
        if "number" in types or ("integer" in types and isinstance(number, int)):
            return number
    return text


def _coerce_list(value: object, types: Collection[str]) -> object:
    if isinstance(value, int) and not isinstance(value, bool) and "integer" in types:
        return [value]
    if not isinstance(value, str):
        return value
    found = _from_json(value, list)
    if found is value and "string" in types:
        parts = (part.strip(" \t\r\n'\"") for part in value.strip(" \t\r\n[]").split(","))
        return [part for part in parts if part]
    return found


def _coerce_title(item: object) -> object:
    if isinstance(item, dict) and _YEAR.fullmatch(str(item.get("year"))):
        return {**item, "year": int(item["year"])}
    return item


def _from_json(text: str, kind: type) -> object:
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, kind) else text
