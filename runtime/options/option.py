"""One option of the server: declared once, it is a flag, a variable and a file's key.

Its type and default are those of the Config field that it fills, unless people write it in
another way, as memory in MiB.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any, get_type_hints

from runtime.config import Config

PREFIX = "LEEBOARD_"


class Kind(Enum):
    """What people write as an option's value; the words are for messages and pages."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    SWITCH = "true or false"
    PATH = "path"
    TEXTS = "list of texts"


KINDS: Mapping[Any, Kind] = {
    str: Kind.TEXT,
    int: Kind.INTEGER,
    int | None: Kind.INTEGER,
    float: Kind.NUMBER,
    float | None: Kind.NUMBER,
    bool: Kind.SWITCH,
    Path: Kind.PATH,
    Path | None: Kind.PATH,
    tuple[str, ...]: Kind.TEXTS,
}


class Use(Enum):
    """What the server does with the file that a path names."""

    READS = "reads"  # It, or the folder, must be there.
    WRITES = "writes"  # The folder that it lies in must be there.


@dataclass(frozen=True, slots=True)
class Shown:
    """What people write for an option, where Config holds something else."""

    kind: Kind
    default: object
    convert: Callable[[Any], object]
    """Returns what Config holds; raises ConfigError."""


@cache
def hints_of(owner: type) -> Mapping[str, Any]:
    """Return the types of a dataclass's fields."""
    return get_type_hints(owner)


@dataclass(frozen=True, slots=True)
class Option:
    """One option.

    Parameters
    ----------
    field
        Of Config, as a path: ``listen.grpc_port``.
    meaning
        One sentence for help and pages.
    called
        Its name; the field's where that says it all.
    shown
        What people write, where that is not what the field holds.
    choices
        The texts that are allowed; empty for any.
    use
        Of the file that a path names; None when it names none.
    secret
        Whether its value is never shown.
    reloads
        Whether SIGHUP changes it; everything else takes a restart.
    """

    field: str
    meaning: str
    called: str = ""
    shown: Shown | None = None
    choices: tuple[str, ...] = ()
    use: Use | None = None
    secret: bool = False
    reloads: bool = False

    @property
    def section(self) -> str:
        """The mapping of the file in which its key stands; empty for the outermost."""
        return self.field.rpartition(".")[0]

    @property
    def leaf(self) -> str:
        """The field's own name."""
        return self.field.rpartition(".")[2]

    @property
    def name(self) -> str:
        """Its name in lower case with underscores, as in the file."""
        return self.called or self.leaf

    @property
    def flag(self) -> str:
        """The option on the command line."""
        return "--" + self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        """The option in the environment."""
        return PREFIX + self.name.upper()

    @property
    def key(self) -> str:
        """The option in the file, as a path."""
        return f"{self.section}.{self.name}" if self.section else self.name

    @property
    def owner(self) -> type:
        """The dataclass that has the field."""
        return hints_of(Config)[self.section] if self.section else Config

    @property
    def kind(self) -> Kind:
        """What people write."""
        return self.shown.kind if self.shown else KINDS[hints_of(self.owner)[self.leaf]]

    @property
    def default(self) -> object:
        """The value when nobody says one, as people write it; None for none."""
        if self.shown:
            return self.shown.default
        found = next(f.default for f in fields(self.owner) if f.name == self.leaf)
        return None if found is MISSING else found

    def convert(self, value: object) -> object:
        """Return what Config holds for a value; raises ConfigError."""
        return self.shown.convert(value) if self.shown else value
