"""Values of ``leeboard.yaml`` that YAML has no type for: durations, devices, versions.

The functions raise ValueError, as validators of pydantic do.
"""

from __future__ import annotations

import re

from runtime.backends.datatypes import NUMPY_TYPES
from runtime.models.bounds import LONGEST_TIMEOUT_US
from runtime.models.settings import Versions

DURATION = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?) ?(us|ms|s|m|h)")
UNITS_US = {"us": 1, "ms": 1_000, "s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000}
DEVICE = re.compile("cpu|cuda(:[0-9]{1,3})?")
VERSION = re.compile("0|[1-9][0-9]{0,99}")

VERSIONS_SCHEMA = {
    "oneOf": [
        {"const": "all"},
        {
            "type": "object",
            "properties": {"latest": {"type": "integer", "minimum": 1}},
            "required": ["latest"],
            "additionalProperties": False,
        },
        {"type": "array", "items": {"type": "integer", "minimum": 0}, "minItems": 1},
    ]
}


def duration_us(value: object) -> int:
    """Return a duration in microseconds.

    Examples
    --------
    >>> duration_us("500ms"), duration_us("1.5s"), duration_us(0)
    (500000, 1500000, 0)
    """
    if type(value) is int and value == 0:
        return 0
    match = DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{value!r} is no duration like 500ms, 2s or 1m")
    result = round(float(match[1]) * UNITS_US[match[2]])
    if result > LONGEST_TIMEOUT_US:
        raise ValueError(f"{value} is longer than a day")
    return result


def device(value: str) -> str:
    """Return a device's name as it stands."""
    if not DEVICE.fullmatch(value):
        raise ValueError(f"there is no device {value!r}; known are cpu, cuda and cuda:N")
    return value


def datatype(value: str) -> str:
    """Return a KServe datatype; Triton's spelling is taken too.

    Examples
    --------
    >>> datatype("FP32"), datatype("TYPE_STRING")
    ('FP32', 'BYTES')
    """
    name = value.removeprefix("TYPE_")
    name = "BYTES" if name == "STRING" else name
    if name not in NUMPY_TYPES:
        raise ValueError(
            f"there is no datatype {value!r}; known are {', '.join(NUMPY_TYPES)}"
        )
    return name


def versions(value: object) -> Versions:
    """Return which versions are served, from ``all``, ``{latest: N}`` or a list."""
    if value == "all":
        return Versions(latest=0)
    if isinstance(value, dict) and list(value) == ["latest"]:
        latest = value["latest"]
        if type(latest) is int and 1 <= latest <= 1_000_000:
            return Versions(latest=latest)
    if isinstance(value, list) and value:
        names = [str(n) if type(n) is int else n for n in value]
        if all(isinstance(n, str) and VERSION.fullmatch(n) for n in names):
            return Versions(named=tuple(dict.fromkeys(names)))
    raise ValueError("it must be all, {latest: N} or a list of version numbers")


def option_text(value: object) -> str:
    """Return an option's value as text; YAML reads ``on`` and ``off`` as truths."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, int | float | str):
        return str(value)
    raise ValueError("an option is a text, a number, or on or off")
