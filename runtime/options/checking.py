"""Checks a configuration file without a server: all that is wrong with it, at once."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from runtime.errors import ConfigError
from runtime.options.option import Option, Use
from runtime.options.sources import Said, Setting, blamed, checked, said_by_file
from runtime.options.table import OPTIONS, PATH


def mistakes_of(file: Path, table: Sequence[Option] = OPTIONS) -> list[str]:
    """Return all that is wrong with a file, a sentence each; empty when it can be used.

    Files that it names must be there and be ours to read. Neither flags nor the
    environment count.
    """
    mistakes: list[str] = []
    said = said_by_file(file, table, mistakes)
    mistakes += wrong_values(said, table)
    mistakes += wrong_files(said)
    return mistakes


def wrong_values(said: Said, table: Sequence[Option]) -> Iterator[str]:
    """Yield what a server would refuse, one after the other left at its default."""
    left = dict(said)
    while True:
        settings = [left.get(o.name, Setting(o, o.default)) for o in table]
        settings = [
            Setting(s.option, Path()) if s.option == PATH and s.value is None else s
            for s in settings
        ]
        try:
            checked(settings)
        except ConfigError as error:
            yield str(error)
            wrong = blamed(settings, str(error))
            if wrong is None or left.pop(wrong.option.name, None) is None:
                return
        else:
            return


def wrong_files(said: Said) -> Iterator[str]:
    """Yield what stands in the way of using the files that are named."""
    for setting in said.values():
        path, use = Path(str(setting.value)), setting.option.use
        if use is Use.READS and not os.access(path, os.R_OK):
            what = "cannot be read" if path.exists() else "is not there"
            yield f"{setting.place}: {path} {what}"
        elif use is Use.WRITES and not os.access(path.parent, os.W_OK):
            what = "cannot be written" if path.parent.exists() else "is not there"
            yield f"{setting.place}: the folder {path.parent} {what}"
