"""Reads an option's value out of a variable's text or a file; strict about types."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from runtime.errors import ConfigError
from runtime.options.option import Kind, Option

SWITCHES = {"true": True, "yes": True, "on": True, "1": True,
            "false": False, "no": False, "off": False, "0": False}  # fmt: skip

ARTICLES = {
    Kind.INTEGER: "an integer",
    Kind.NUMBER: "a number",
    Kind.SWITCH: "true or false",
    Kind.TEXT: "a text; write it in quotes",
    Kind.PATH: "a path",
    Kind.TEXTS: "a list of texts",
}


def texts_of(text: str) -> tuple[str, ...]:
    """Return the parts of a list that is separated by commas.

    Examples
    --------
    >>> texts_of("fraud, spam,")
    ('fraud', 'spam')
    """
    return tuple(part.strip() for part in text.split(",") if part.strip())


FROM_TEXT: Mapping[Kind, Callable[[str], object]] = {
    Kind.TEXT: str,
    Kind.INTEGER: int,
    Kind.NUMBER: float,
    Kind.SWITCH: lambda text: SWITCHES[text.lower()],
    Kind.PATH: Path,
    Kind.TEXTS: texts_of,
}


def from_text(option: Option, text: str, place: str) -> object:
    """Return the value that a variable's text means.

    Raises ConfigError that names `place`, without the text where that is a secret.
    """
    try:
        return FROM_TEXT[option.kind](text)
    except (ValueError, KeyError) as error:
        raise refused(option, text, place) from error


def is_number(value: object) -> bool:
    """Tell whether a file's value is a number; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


IS_KIND: Mapping[Kind, Callable[[object], bool]] = {
    Kind.TEXT: lambda value: isinstance(value, str),
    Kind.INTEGER: lambda value: is_number(value) and isinstance(value, int),
    Kind.NUMBER: is_number,
    Kind.SWITCH: lambda value: isinstance(value, bool),
    Kind.PATH: lambda value: isinstance(value, str) and value != "",
    Kind.TEXTS: lambda value: (
        isinstance(value, list) and all(isinstance(one, str) for one in value)
    ),
}


def from_file(option: Option, value: object, place: str, folder: Path) -> object:
    """Return a value as a file says it; paths are meant from the file's `folder`.

    Raises ConfigError that names `place`.
    """
    if not IS_KIND[option.kind](value):
        raise refused(option, value, place)
    if option.kind is Kind.PATH:
        return folder / str(value)
    if option.kind is Kind.TEXTS and isinstance(value, list):
        return tuple(value)
    return float(str(value)) if option.kind is Kind.NUMBER else value


def refused(option: Option, value: object, place: str) -> ConfigError:
    """Return the error for a value of another type."""
    given = "its value" if option.secret else repr(value)
    return ConfigError(f"{place}: {given} is not {ARTICLES[option.kind]}")
