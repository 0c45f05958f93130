"""The JSON schema of the server's configuration file, for editors and checks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from runtime.options.option import Kind, Option
from runtime.options.table import OPTIONS

TYPES: Mapping[Kind, dict[str, Any]] = {
    Kind.TEXT: {"type": "string"},
    Kind.INTEGER: {"type": "integer"},
    Kind.NUMBER: {"type": "number"},
    Kind.SWITCH: {"type": "boolean"},
    Kind.PATH: {"type": "string", "minLength": 1},
    Kind.TEXTS: {"type": "array", "items": {"type": "string"}},
}


def key_schema(option: Option) -> dict[str, Any]:
    """Return what may stand under one key."""
    found = dict(TYPES[option.kind])
    if option.choices:
        found["enum"] = list(option.choices)
    default = option.default
    if default not in (None, ()):
        found["default"] = default
    return {**found, "description": option.meaning}


def schema(table: Sequence[Option] = OPTIONS) -> dict[str, Any]:
    """Return the JSON schema of the file that ``--config`` names."""
    outermost: dict[str, Any] = {}
    for option in table:
        section = outermost
        if option.section:
            empty = {"type": "object", "additionalProperties": False, "properties": {}}
            section = outermost.setdefault(option.section, empty)["properties"]
        section[option.name] = key_schema(option)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "The server's options",
        "type": "object",
        "additionalProperties": False,
        "properties": outermost,
    }
