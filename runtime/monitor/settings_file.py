"""Reads how models are watched from a file of YAML; see `settings`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from runtime.errors import ConfigError
from runtime.monitor.settings import ModelWatch

LARGEST = 1 << 20
T = TypeVar("T")

BOUNDS: Mapping[str, tuple[float, float]] = {
    "reference_rows": (100, 10_000_000),
    "eps": (0.0, 0.5),
    "false_alarm_days": (1e-3, 36_500.0),
    "window_rows": (100, 100_000_000),
    "window_s": (1.0, 31_536_000.0),
    "max_features": (1, 65_536),
    "threshold": (-math.inf, math.inf),
    "column": (0, 1 << 20),
    "share": (0.0, 1.0),
    "maturity_s": (0.0, 31_536_000.0),
    "retention_s": (1.0, 315_360_000.0),
    "baseline": (30, 10_000_000),
    "loss_scale": (0.0, math.inf),
    "min_coverage": (0.0, 1.0),
    "min_group": (1, 10_000_000),
    "gap": (0.0, 1.0),
}
"""The least and the most of each number, by its key."""


def read(path: Path) -> dict[str, ModelWatch]:
    """Return the settings of the models that a file names.

    Raises ConfigError that names the file, and the key in it.
    """
    import yaml

    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    if len(content) > LARGEST:
        raise ConfigError(f"{path} has more than {LARGEST} bytes")
    try:
        told = yaml.safe_load(content)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is no YAML that can be read: {error}") from error
    top = told if isinstance(told, dict) else {}
    if set(top) != {"models"} or not isinstance(top["models"], dict):
        raise ConfigError(f"{path}: there is one key, models, with the models by name")
    models = top["models"]
    return {
        str(name): _placed(made(ModelWatch, values, f"{path}: models.{name}"), path.parent)
        for name, values in models.items()
    }


def _placed(settings: ModelWatch, folder: Path) -> ModelWatch:
    """Return settings whose files are found from anywhere: they are named from theirs."""
    return replace(
        settings,
        reference=str(folder / settings.reference) if settings.reference else "",
        contract=str(folder / settings.contract) if settings.contract else "",
    )


def made(cls: type[T], values: object, where: str) -> T:
    """Return a section out of a mapping; ConfigError names the key that is wrong."""
    if not isinstance(values, dict):
        raise ConfigError(f"{where} must have keys and values")
    # YAML 1.1 takes a plain `on` for true, as a key, too.
    values = {"on" if key is True else key: value for key, value in values.items()}
    kinds = get_type_hints(cls)
    assert is_dataclass(cls)
    known = {"on" if f.name == "is_on" else f.name: f for f in fields(cls)}
    if strange := [key for key in values if key not in known]:
        raise ConfigError(
            f"{where}: there is no key {strange[0]!r}; known: {', '.join(sorted(known))}"
        )
    chosen = {
        known[key].name: _value(kinds[known[key].name], key, value, f"{where}.{key}")
        for key, value in values.items()
    }
    missing = [k for k, f in known.items() if f.default is MISSING and f.name not in chosen]
    if missing:
        raise ConfigError(f"{where} lacks {missing[0]}")
    return cls(**chosen)


def _value(kind: object, key: str, value: object, where: str) -> Any:  # noqa: ANN401
    if isinstance(kind, type) and is_dataclass(kind):
        return made(kind, value, where)
    if get_origin(kind) is tuple and get_args(kind)[0] is str:
        if isinstance(value, list) and all(isinstance(each, str) for each in value):
            return tuple(value)
        raise ConfigError(f"{where} must be a list of texts")
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        try:
            return kind(str(value))
        except ValueError as error:
            words = ", ".join(each.value for each in kind)
            raise ConfigError(f"{where} is {value!r}; it must be one of {words}") from error
    if kind in (bool, str):
        if isinstance(value, kind):
            return value
        raise ConfigError(
            f"{where} must be {'true or false' if kind is bool else 'a text'}"
        )
    return _number(kind, key, value, where)


def _number(kind: object, key: str, value: object, where: str) -> float:
    low, high = BOUNDS[key]
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    is_kind = is_number and (kind is float or isinstance(value, int))
    if not is_kind or not low <= float(str(value)) <= high:
        what = "whole number" if kind is int else "number"
        raise ConfigError(
            f"{where} is {value!r}; it must be a {what} from {low:g} to {high:g}"
        )
    return float(str(value)) if kind is float else int(str(value))
