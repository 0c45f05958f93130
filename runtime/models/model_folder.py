"""A model's folder as a place to read from; nothing may lead out of its repository."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from runtime.backends.datatypes import NUMPY_TYPES
from runtime.errors import ConfigError

MOST_BYTES = 1 << 20
"""Longest text that is read: a configuration, or the names of classes."""


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """One model's folder, and the resolved root of the repository that it lies in."""

    path: Path
    root: Path

    @property
    def name(self) -> str:
        """The model's name."""
        return self.path.name

    def contained(self, path: Path) -> Path:
        """Return a path with its links followed.

        Raises ConfigError when that is not within the repository.
        """
        try:
            resolved = path.resolve()
        except (OSError, RuntimeError, ValueError) as error:
            raise ConfigError(f"{path} leads nowhere: {error}") from error
        if not resolved.is_relative_to(self.root):
            raise ConfigError(
                f"{path} leads to {resolved}, out of the repository {self.root}; put it "
                "inside, or serve the folder that it leads to"
            )
        return resolved

    def file(self, name: str) -> Path:
        """Return a file of this folder by its path within it.

        Raises ConfigError when it is not there, is no file, or leads elsewhere.
        """
        path = self.path / within(name)
        try:
            exists = path.is_file()
        except (OSError, ValueError) as error:
            raise ConfigError(f"{path} cannot be read: {error}") from error
        if not exists:
            raise ConfigError(f"{path} is not there, or is no file")
        return self.contained(path)

    def text(self, name: str) -> str:
        """Return what a file of this folder says; raises ConfigError as `file` does."""
        path = self.file(name)
        try:
            with path.open("rb") as file:
                content = file.read(MOST_BYTES + 1)
        except OSError as error:
            raise ConfigError(f"{self.path / name} cannot be read: {error}") from error
        if len(content) > MOST_BYTES:
            raise ConfigError(f"{self.path / name} is longer than {MOST_BYTES} bytes")
        try:
            return content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise ConfigError(f"{self.path / name} is no UTF-8 text: {error}") from error

    def sample(self, name: str, datatype: str, dims: tuple[int, ...]) -> Path:
        """Return a file that holds one row of a tensor; raises ConfigError for another."""
        path = self.file(name)
        try:
            size = path.stat().st_size
        except OSError as error:
            raise ConfigError(f"{path} cannot be read: {error}") from error
        wanted = math.prod(dims) * NUMPY_TYPES[datatype].itemsize
        if datatype != "BYTES" and size != wanted:
            raise ConfigError(
                f"{path} has {size} bytes; one row of {datatype} {list(dims)} has {wanted}"
            )
        return path

    def labels(self, name: str) -> tuple[str, ...]:
        """Return the names of classes that a file lists, one a line, in their order."""
        labels = tuple(line.strip() for line in self.text(name).splitlines())
        if not labels:
            raise ConfigError(f"{self.path / name} lists no class; it has one a line")
        return labels


def within(name: str) -> PurePosixPath:
    """Return a file's relative path; raises ConfigError where it points elsewhere.

    Examples
    --------
    >>> str(within("warmup/x.bin"))
    'warmup/x.bin'
    """
    path = PurePosixPath(name)
    if not path.parts or path.is_absolute() or ".." in path.parts or "\0" in name:
        raise ConfigError(f"{name!r} is no path within the model's folder")
    return path
