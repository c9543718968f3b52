"""Brings a config into the types of its JSON schema, and says what does not fit.

The messages are for users who do not know schemas.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from jsonschema import ValidationError
from singer_sdk import typing as th

NO_KEY = (
    "api_key is missing: get a key at https://www.omdbapi.com/apikey.aspx, then set api_key in "
    "the config or TAP_OMDB_API_KEY in the environment"
)
_NUMBER = re.compile(r"\s*-?\d+(\.\d+)?\s*")
_BOOLEANS = {
    **dict.fromkeys(("true", "yes", "on", "1"), True),
    **dict.fromkeys(("false", "no", "off", "0"), False),
}
_NOUNS = {
    "array": "a list",
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "object": "an object",
    "string": "text",
}
_BOUNDS = {"minimum": "less than", "maximum": "more than"}
_LONGEST_SHOWN = 60
_SIMILAR = 0.75
"""Similarity of a variable and a setting that it probably misspells, from 0 to 1."""

_Validator = th.extend_validator_with_defaults(th.DEFAULT_JSONSCHEMA_VALIDATOR)


def coerce(config: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a config with each value converted to the type that its schema requires.

    Null and blank text are left out, since they mean the default. Text is converted to a number,
    a boolean, or a list ("2010, 2012-2015"), or parsed as JSON; a single value (2010) becomes a
    list of one. What cannot be converted stays as it is.
    """
    given = {
        name: value
        for name, value in config.items()
        if value is not None and not (isinstance(value, str) and not value.strip())
    }
    return _coerce_items(given, schema)


def _coerce_items(items: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    properties = schema.get("properties", {})
    return {name: _coerce(value, properties.get(name, {})) for name, value in items.items()}


def _coerce(value: object, schema: Mapping[str, Any]) -> object:
    types = schema.get("type", ())
    item_schema = schema.get("items", {})
    item_types = item_schema.get("type", ())
    if isinstance(value, Decimal):  # as the SDK parses JSON
        value = float(value)
    if isinstance(value, str) and "string" not in types:
        value = _coerce_text(value, types, item_types)
    if isinstance(value, float) and value.is_integer() and "integer" in types:
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and "integer" in item_types:
        return [value]
    if isinstance(value, list):
        return [_coerce(item, item_schema) for item in value]
    return _coerce_items(value, schema) if isinstance(value, dict) else value


def _coerce_text(text: str, types: Iterable[str], item_types: Iterable[str]) -> object:
    if "boolean" in types:
        return _BOOLEANS.get(text.strip().lower(), text)
    if "number" in types or "integer" in types:
        match = _NUMBER.fullmatch(text)
        return text if not match else float(text) if match[1] else int(text)
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if isinstance(value, dict if "object" in types else list):
        return value
    if "array" in types and "string" in item_types:
        parts = (part.strip(" \t\r\n'\"") for part in text.strip(" \t\r\n[]").split(","))
        return [part for part in parts if part]
    return text


def schema_violations(config: dict[str, Any], schema: Mapping[str, Any]) -> dict[str, str]:
    """Fill in the defaults, and return what is wrong with each setting that is invalid, by name."""
    found: dict[str, str] = {}
    for error in _Validator(schema).iter_errors(config):
        if error.path:
            found.setdefault(str(error.path[0]), _explain(error, schema["properties"]))
        else:
            found["api_key"] = NO_KEY  # the only required setting
    return found


def _explain(error: ValidationError, properties: Mapping[str, Any]) -> str:
    """Return a message that names the setting and the remedy."""
    name, *inner = error.path
    if name == "api_key":
        return "api_key: a key is a string, so put it in quotes"
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in inner)
    text = f"{name}{place}: {_violation(error)}"
    if error.validator == "enum":
        return text
    schema = properties[str(name)]
    example = f" For example: {json.dumps(schema['examples'][0])}" if "examples" in schema else ""
    return f"{text}. {schema['description']}{example}"


def _violation(error: ValidationError) -> str:
    """Describe how a value violates the schema."""
    instance: Any = error.instance
    expected: Any = error.validator_value
    rule = str(error.validator)
    shown = show(instance)
    if rule == "type":
        kinds = [expected] if isinstance(expected, str) else expected
        nouns = (_NOUNS[kind] for kind in kinds if kind != "null")
        return f"{shown} is not {' or '.join(nouns)}"
    if rule == "enum":
        return f"{shown} is not one of {', '.join(filter(None, expected))}"
    if rule in _BOUNDS:
        return f"{shown} is {_BOUNDS[rule]} {expected}"
    if rule == "required":
        missing = next(name for name in expected if name not in instance)
        return f"{shown} has no {missing}"
    if rule == "additionalProperties":
        schema: Any = error.schema
        names = schema["properties"]
        extra = next(name for name in instance if name not in names)
        return f"unknown name {show(extra)}, use {', '.join(names)}"
    return str(error.message)


def show(value: object) -> str:
    """Return a value as a user would write it, truncated if it is long."""
    text = json.dumps(value, ensure_ascii=False, default=float)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


def unknown_setting(name: str, known: Iterable[str]) -> str:
    """Return an error about a setting that does not exist."""
    near = difflib.get_close_matches(name, list(known), n=1)
    hint = f"did you mean {near[0]}?" if near else "tap-omdb --about lists all settings"
    return f"unknown setting {name}: {hint}"


def unknown_variables(
    environment: Iterable[str], prefix: str, known: Iterable[str], *, only_misspelt: bool
) -> list[str]:
    """Return a warning for each environment variable that looks like a setting and is not one.

    Args:
        environment: The names of all variables.
        prefix: The prefix of the settings' variables.
        known: The names of all settings.
        only_misspelt: Only warn about likely misspellings. Meltano exports variables of its own,
            such as TAP_OMDB__SELECT and TAP_OMDB_REFRESH_OLDER, and those of plugins that inherit
            from the tap.
    """
    found = []
    for variable in sorted(environment):
        name = variable.removeprefix(prefix).lower()
        if not variable.startswith(prefix) or name in {*known, "loglevel"} or name[:1] in {"", "_"}:
            continue
        if near := difflib.get_close_matches(name, list(known), n=1, cutoff=_SIMILAR):
            hint = f"did you mean {prefix}{near[0].upper()}?"
        elif only_misspelt:
            continue
        else:
            hint = "tap-omdb --about lists all settings"
        found.append(f"{variable} is not a setting and is ignored: {hint}")
    return found
