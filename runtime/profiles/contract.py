"""What rows must look like, as somebody states it: ranges, values, missing shares.

A contract is a JSON object; what else it says is for other programs::

    {"features": {"age": {"range": [18, 120], "missing": 0},
                  "sex": {"values": [1, 2]}}}

An end of a range may be null, and what is not said is not asked.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from runtime.errors import ProfileError
from runtime.native.profile_options import CATEGORIES_AT_MOST

LARGEST = 1 << 20
KEYS = ("missing", "range", "values")
LARGEST_WHOLE = 2**53


@dataclass(frozen=True, slots=True)
class FeatureContract:
    """What one feature's values must be: infinite ends are none.

    `values` are whole numbers, and empty where any may come; `missing` is the largest share
    of rows without a value, None where nothing is said of it.
    """

    low: float = -math.inf
    high: float = math.inf
    values: tuple[int, ...] = ()
    missing: float | None = None

    @property
    def has_range(self) -> bool:
        """Whether it has a range with at least one end."""
        return math.isfinite(self.low) or math.isfinite(self.high)


@dataclass(frozen=True, slots=True)
class Contract:
    """Features by name, and the SHA-256 of what was said of them."""

    features: Mapping[str, FeatureContract] = field(default_factory=dict)
    digest: str = ""


def read_contract(path: Path) -> Contract:
    """Return a contract's file; ProfileError names the file and what is wrong with it."""
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
        values = json.loads(content) if len(content) <= LARGEST else None
    except OSError as error:
        raise ProfileError(f"{path.name} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise ProfileError(f"{path.name} cannot be read: {error}") from error
    if not isinstance(values, dict):
        raise ProfileError(f"{path.name} is no JSON object of up to {LARGEST} bytes")
    return contract_of(values)


def contract_of(values: Mapping[str, object]) -> Contract:
    """Return what a JSON object says of features; ProfileError names what cannot be.

    Examples
    --------
    >>> contract_of({"features": {"age": {"range": [18, None]}}}).features["age"].low
    18.0
    """
    told = values.get("features", {})
    if not isinstance(told, Mapping):
        raise ProfileError("features of a contract are an object, by their names")
    features = {str(name): _feature(str(name), about) for name, about in told.items()}
    if not features:
        return Contract()
    text = json.dumps(told, sort_keys=True, separators=(",", ":"))
    return Contract(features, hashlib.sha256(text.encode()).hexdigest())


def _feature(name: str, about: object) -> FeatureContract:
    if not isinstance(about, Mapping):
        raise ProfileError(f"the contract of {name} is an object: {', '.join(KEYS)}")
    if strange := sorted(set(about) - set(KEYS)):
        raise ProfileError(
            f"the contract of {name} has no key {strange[0]!r}; known: {', '.join(KEYS)}"
        )
    low, high = _range(name, about.get("range", [None, None]))
    return FeatureContract(
        low,
        high,
        tuple(_values(name, about.get("values", []))),
        _missing(name, about.get("missing")),
    )


def _range(name: str, ends: object) -> tuple[float, float]:
    if not isinstance(ends, list) or len(ends) != 2:
        raise ProfileError(f"the range of {name} is a list of two ends")
    found = [
        default if end is None else _number(f"the range of {name}", end)
        for end, default in zip(ends, (-math.inf, math.inf), strict=True)
    ]
    if not found[0] <= found[1]:
        raise ProfileError(f"the range of {name} is not in order")
    return found[0], found[1]


def _values(name: str, given: object) -> Iterator[int]:
    if not isinstance(given, list) or len(given) > CATEGORIES_AT_MOST:
        raise ProfileError(
            f"the values of {name} are a list of at most {CATEGORIES_AT_MOST} whole numbers"
        )
    for value in dict.fromkeys(given):
        number = _number(f"the values of {name}", value)
        if number != round(number) or abs(number) > LARGEST_WHOLE:
            raise ProfileError(f"the values of {name} are whole numbers, not {value!r}")
        yield int(number)


def _missing(name: str, given: object) -> float | None:
    if given is None:
        return None
    share = _number(f"the missing share of {name}", given)
    if not 0.0 <= share <= 1.0:
        raise ProfileError(f"the missing share of {name} is between 0 and 1, not {share:g}")
    return share


def _number(what: str, given: object) -> float:
    if isinstance(given, bool) or not isinstance(given, int | float):
        raise ProfileError(f"{what}: {given!r} is no number")
    if not math.isfinite(given):
        raise ProfileError(f"{what}: {given!r} is not finite")
    return float(given)
