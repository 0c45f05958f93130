"""Names in the registry: models, aliases, and how a version is asked for."""

from __future__ import annotations

import re
from dataclasses import dataclass

from runtime.printable import escaped
from runtime.registry.source import RegistryError

LONGEST_NAME = 255
"""Bytes of a model's name: it is a folder's, too."""

ALIAS = re.compile("[A-Za-z_][A-Za-z0-9_.-]{0,63}")
NUMBER = re.compile("[1-9][0-9]{0,17}")
PREFIX = re.compile("(sha256:)?([0-9a-f]{6,64})")


@dataclass(frozen=True, slots=True)
class Reference:
    """A model, and which of its versions: by alias, by number, or left open (0, "")."""

    model: str
    alias: str = ""
    number: int = 0

    def __str__(self) -> str:
        if self.alias:
            return f"{self.model}@{self.alias}"
        return f"{self.model}/{self.number}" if self.number else self.model


def check_name(name: str) -> str:
    """Return a model's name; raises RegistryError where it is none.

    It becomes a folder's name and stands in references, so it has no ``/`` and no ``@``,
    and is not hidden.
    """
    fits = name.isprintable() and len(name.encode(errors="replace")) <= LONGEST_NAME
    if not name or name[0] == "." or not fits or set(name) & set("/@\\"):
        raise RegistryError(
            f"'{escaped(name)}' is no name of a model: up to {LONGEST_NAME} printable "
            "bytes without / \\ @, not beginning with a dot"
        )
    return name


def check_alias(alias: str) -> str:
    """Return an alias; raises RegistryError where it is none."""
    if not ALIAS.fullmatch(alias):
        raise RegistryError(
            f"'{escaped(alias)}' is no alias: a letter, then letters, digits, _ . -"
        )
    return alias


def parse_reference(text: str) -> Reference:
    """Return what ``fraud@champion``, ``fraud/3`` or ``fraud`` asks for.

    Raises RegistryError for anything else.

    Examples
    --------
    >>> parse_reference("fraud@champion")
    Reference(model='fraud', alias='champion', number=0)
    >>> parse_reference("fraud/3").number
    3
    """
    if "@" in text:
        model, _, alias = text.partition("@")
        return Reference(check_name(model), check_alias(alias))
    model, slash, number = text.partition("/")
    if slash:
        return Reference(check_name(model), number=parse_number(number))
    return Reference(check_name(model))


def parse_number(text: str) -> int:
    """Return a version's number; raises RegistryError."""
    if not NUMBER.fullmatch(text):
        raise RegistryError(f"'{escaped(text)}' is no version: a number from 1 on")
    return int(text)


def split_reference(text: str) -> tuple[str, str]:
    """Return the model, and which version as `Reading.referred` takes it, or "" for all.

    Unlike `parse_reference`, it also takes the beginning of a digest.

    Examples
    --------
    >>> split_reference("fraud@champion"), split_reference("fraud/3f9a02")
    (('fraud', '@champion'), ('fraud', '3f9a02'))
    """
    if "@" in text:
        reference = parse_reference(text)
        return reference.model, f"@{reference.alias}"
    model, _, which = text.partition("/")
    return check_name(model), which
