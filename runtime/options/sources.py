"""Which value an option has: flag over environment over file over default.

All mistakes of all sources are told at once. A setting remembers where it was said, so that
an error and ``leeboard config show`` can name the place.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any

from runtime.config import Config, check
from runtime.errors import ConfigError
from runtime.options.option import PREFIX, Option
from runtime.options.table import (
    CONFIG_VARIABLE,
    OPTIONS,
    PATH,
    STRANGERS,
    is_service_link,
)
from runtime.options.values import from_file, from_text

MOST_ERRORS = 10
"""So many mistakes are told at once."""


class Origin(Enum):
    """Who said a value; later ones win."""

    DEFAULT = "default"
    FILE = "file"
    ENVIRONMENT = "environment"
    FLAG = "flag"


@dataclass(frozen=True, slots=True)
class Setting:
    """An option's value as people write it, and the place that said it."""

    option: Option
    value: object
    origin: Origin = Origin.DEFAULT
    place: str = "default"


@dataclass(frozen=True, slots=True)
class Sources:
    """Where values come from: flags by name, variables, and the file, if any."""

    flags: Mapping[str, object]
    environment: Mapping[str, str]
    file: Path | None = None
    table: Sequence[Option] = OPTIONS


Said = dict[str, Setting]
"""Settings that one source says, by the option's name."""


def raise_all(mistakes: Sequence[str]) -> None:
    """Raise ConfigError with all mistakes, if there are any."""
    rest = len(mistakes) - MOST_ERRORS
    more = [f"and {rest} more"] if rest > 0 else []
    if mistakes:
        raise ConfigError("; ".join([*mistakes[:MOST_ERRORS], *more]))


def read_settings(sources: Sources) -> list[Setting]:
    """Return every option's setting, in the table's order.

    Raises ConfigError with all that is wrong in the environment and the file.
    """
    mistakes: list[str] = []
    environment = said_by_environment(sources.environment, sources.table, mistakes)
    file = sources.file
    if file is None and (named := sources.environment.get(CONFIG_VARIABLE)):
        file = Path(named)
    said = said_by_file(file, sources.table, mistakes) if file else {}
    raise_all(mistakes)
    said |= environment
    for option in sources.table:
        given = sources.flags.get(option.name)
        if given is not None and given != []:
            value = tuple(given) if isinstance(given, list) else given
            place = "argument PATH" if option is PATH else option.flag
            said[option.name] = Setting(option, value, Origin.FLAG, place)
    return [
        said.get(option.name, Setting(option, option.default)) for option in sources.table
    ]


def said_by_environment(
    environment: Mapping[str, str], table: Sequence[Option], mistakes: list[str]
) -> Said:
    """Return what variables say; an empty one says nothing."""
    known = {option.variable: option for option in table}
    said: Said = {}
    for variable in sorted(environment):
        text = environment[variable]
        ours = variable.startswith(PREFIX) and variable not in STRANGERS
        if not ours or not text or is_service_link(variable, text):
            continue
        if variable not in known:
            mistakes.append(unknown(variable, known, "variable"))
            continue
        option = known[variable]
        try:
            value = from_text(option, text, variable)
        except ConfigError as error:
            mistakes.append(str(error))
        else:
            said[option.name] = Setting(option, value, Origin.ENVIRONMENT, variable)
    return said


def said_by_file(path: Path, table: Sequence[Option], mistakes: list[str]) -> Said:
    """Return what a file says; a key without a value says nothing."""
    from runtime.models.yaml_text import parse

    try:
        content = parse(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        words = error.strerror if isinstance(error, OSError) else str(error)
        mistakes.append(f"{path} cannot be read: {words}")
        return {}
    except ConfigError as error:
        mistakes.append(f"{path}: {error}")
        return {}
    known = {option.key: option for option in table}
    said: Said = {}
    for key, value in keys_of(content, table, path, mistakes):
        if key not in known:
            mistakes.append(f"{path}: {unknown(key, known, 'key')}")
        elif value is not None:
            option, place = known[key], f"{path}: {key}"
            try:
                found = from_file(option, value, place, path.absolute().parent)
            except ConfigError as error:
                mistakes.append(str(error))
            else:
                said[option.name] = Setting(option, found, Origin.FILE, place)
    return said


def keys_of(
    content: object, table: Sequence[Option], path: Path, mistakes: list[str]
) -> Iterable[tuple[str, Any]]:
    """Yield each key as a path with its value; sections are mappings of keys."""
    if content is None:
        return
    if not isinstance(content, dict):
        mistakes.append(f"{path}: it must be keys with values, as in `strict: true`")
        return
    sections = {option.section for option in table if option.section}
    for name, value in content.items():
        if name not in sections:
            yield str(name), value
        elif isinstance(value, dict):
            for inner, inner_value in value.items():
                yield f"{name}.{inner}", inner_value
        elif value is not None:
            mistakes.append(f"{path}: {name}: it must be a mapping of keys")


def unknown(name: str, known: Iterable[str], what: str) -> str:
    """Return what to say of a name that no option has, with the nearest that one has."""
    names = {each.removeprefix(PREFIX): each for each in known}
    leaf = name.rpartition(".")[2]
    near = [each for each in names if each.rpartition(".")[2] == leaf]
    near += difflib.get_close_matches(name.removeprefix(PREFIX), names, 1)
    told = f"did you mean {names[near[0]]}?" if near else ""
    remedy = told or "`leeboard config schema` has them all"
    return f"unknown {what} {name}; {remedy}"


def build(settings: Iterable[Setting]) -> Config:
    """Return the Config that settings make; raises ConfigError that names an option."""
    sections: dict[str, dict[str, Any]] = {"": {}}
    for setting in settings:
        option = setting.option
        value = option.convert(setting.value)
        sections.setdefault(option.section, {})[option.leaf] = value
    config = Config(**sections.pop(""))
    return replace(
        config,
        **{name: replace(getattr(config, name), **f) for name, f in sections.items()},
    )


def checked(settings: Sequence[Setting], look: Callable[[Config], None] = check) -> Config:
    """Return the Config of settings, with its numbers checked.

    Raises ConfigError that names the option, and the place when that was no flag.
    """
    try:
        config = build(settings)
        look(config)
    except ConfigError as error:
        said = blamed(settings, str(error))
        if said is None or said.origin in (Origin.FLAG, Origin.DEFAULT):
            raise
        raise ConfigError(f"{error} ({said.place})") from error
    return config


def blamed(settings: Iterable[Setting], words: str) -> Setting | None:
    """Return the setting whose option an error begins with."""
    first = words.partition(" ")[0].rstrip(":")
    return next((s for s in settings if s.option.flag == first), None)
