"""Turns JSON schema errors into messages for users who do not know schemas. Pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from jsonschema import ValidationError

NO_KEY = (
    "api_key is missing: get a key at https://www.omdbapi.com/apikey.aspx, then set api_key in "
    "the config or TAP_OMDB_API_KEY in the environment"
)
_NOUNS = {
    "array": "a list",
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "object": "an object",
    "string": "text",
}
_BOUNDS = {
    "minimum": "less than",
    "exclusiveMinimum": "not more than",
    "maximum": "more than",
}
_LONGEST_SHOWN = 60


def validation_errors(
    errors: Iterable[ValidationError], properties: Mapping[str, Any]
) -> dict[str, str]:
    """Return the first validation error of each invalid setting, by its name.

    Args:
        errors: The errors of the JSON schema validator.
        properties: The JSON schema of each setting, by name.
    """
    found: dict[str, str] = {}
    for error in errors:
        if error.path:
            found.setdefault(str(error.path[0]), _explain(error, properties))
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
