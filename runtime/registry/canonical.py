"""JSON in the one form that digests are made of.

Keys are sorted, there are no spaces, text is UTF-8, and floats are the shortest that read
back as the same number; NaN and infinities are no JSON. Equal values give equal bytes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping

MOST_BYTES = 16 << 20
"""Longest JSON that is written or read."""

DEEPEST = 32
"""Values within values; a person's schema is not deeper."""

LARGEST = 2**64
"""Whole numbers are smaller than this, either way."""


class NotCanonical(ValueError):
    """A value or a text that is no JSON of ours; the message says what is wrong."""


def canonical(values: object) -> bytes:
    """Return JSON values in canonical form; raises NotCanonical.

    Examples
    --------
    >>> canonical({"b": 1.0, "a": ["caf\u00e9", None]}).decode()
    '{"a":["café",null],"b":1.0}'
    """
    check_values(values)
    text = json.dumps(
        values,
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
        allow_nan=False,
        default=dict,  # Of mappings that are no dict; all else was refused above.
    )
    content = text.encode()
    if len(content) > MOST_BYTES:
        raise NotCanonical(f"it has {len(content)} bytes; {MOST_BYTES} are the most")
    return content


def parsed(text: str | bytes) -> object:
    """Return the values that JSON says, however it is spaced; raises NotCanonical.

    A key that is there twice, and a number that is none, are refused.
    """
    if len(text) > MOST_BYTES:
        raise NotCanonical(f"it is longer than {MOST_BYTES} bytes")
    try:
        values: object = json.loads(
            text, object_pairs_hook=_once, parse_constant=_no_number
        )
    except (ValueError, RecursionError) as error:
        raise NotCanonical(f"it is no JSON: {error}") from error
    check_values(values)
    return values


def check_values(values: object, place: str = "", depth: int = 0) -> None:
    """Raise NotCanonical, with the place, where a value has no canonical form."""
    if depth > DEEPEST:
        raise NotCanonical(f"{place} is deeper than {DEEPEST} values within values")
    if isinstance(values, Mapping):
        for key, value in values.items():
            if not isinstance(key, str):
                raise NotCanonical(f"{place or 'it'} has the key {key!r}, which is no text")
            _check_leaf(key, f"a key of {place or 'it'}")
            check_values(value, f"{place}.{key}" if place else key, depth + 1)
    elif isinstance(values, list | tuple):
        for at, value in enumerate(values):
            check_values(value, f"{place}[{at}]", depth + 1)
    else:
        _check_leaf(values, place or "it")


def _check_leaf(value: object, place: str) -> None:
    match value:
        case None | bool():
            pass
        case str():
            try:
                value.encode()
            except UnicodeEncodeError as error:
                raise NotCanonical(f"{place} is no UTF-8 text") from error
        case int():
            if not -LARGEST < value < LARGEST:
                raise NotCanonical(f"{place} is a whole number of more than 64 bits")
        case float():
            if not math.isfinite(value):
                raise NotCanonical(f"{place} is {value}, which is no number in JSON")
        case _:
            kind = type(value).__name__
            raise NotCanonical(f"{place} is of type {kind}, which JSON does not have")


def _once(pairs: Iterable[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in pairs:
        if key in found:
            raise NotCanonical(f"the key {key!r} is there twice")
        found[key] = value
    return found


def _no_number(word: str) -> float:
    raise NotCanonical(f"{word} is no number in JSON")
