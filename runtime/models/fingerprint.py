"""What a repository looks like without reading a model: cheap enough for every few seconds.

Two scans are compared by ``==``: a version whose fingerprint differs was changed, however
its files were replaced. Files that are still being written are the caller's to wait out.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

from runtime.models.declaration import LEEBOARD_YAML, settings_files
from runtime.models.layout import version_folders
from runtime.models.repository import model_folders
from runtime.models.triton_tensors import WARMUP_FOLDER

Fingerprint: TypeAlias = tuple[tuple[str, int, int, int], ...]
"""Of each file: its path in the folder, size, time of change in ns, and inode."""


def scan(path: Path) -> dict[tuple[str, str], Fingerprint]:
    """Return the fingerprint of each (model, version) at a path, served or not.

    It covers all files of the version and what lies beside the versions: configuration,
    labels, samples. A model without version folders is there too, with all of its files: as
    version 1 beside a leeboard.yaml, under version "" beside a config.pbtxt. Raises
    ConfigError when the path itself cannot be read.
    """
    if path.is_file():
        return {(path.stem, "1"): tuple(_entries(path.parent, [path.name]))}
    found: dict[tuple[str, str], Fingerprint] = {}
    for folder in model_folders(path):
        try:
            numbered = version_folders(folder.path)
            own = _around(folder.path)
        except OSError:  # It vanished, or may not be read: find_models tells which.
            continue
        if not numbered and (names := settings_files(folder.path)):
            version = "1" if LEEBOARD_YAML in names else ""
            found[folder.name, version] = _within(folder.path)
        for path_of_version in numbered:
            key = folder.name, path_of_version.name
            found[key] = own + _within(path_of_version)
    return found


def _around(folder: Path) -> Fingerprint:
    """Return the fingerprint of what a model has beside its versions."""
    names = [name for name in os.listdir(folder) if not name.startswith(".")]
    files = [name for name in names if not (folder / name).is_dir()]
    samples = folder / WARMUP_FOLDER
    return tuple(_entries(folder, sorted(files))) + _within(samples)


def _within(folder: Path) -> Fingerprint:
    """Return the fingerprint of all files of a folder, the folder's identity included."""
    entries = []
    for place, folders, files in os.walk(folder):
        # A Python model that is imported leaves its byte code here.
        folders[:] = sorted(
            name for name in folders if name != "__pycache__" and name[0] != "."
        )
        names = sorted(name for name in files if name[0] != ".")
        entries += list(_entries(Path(place), names))
    return tuple(entries)


def _entries(folder: Path, names: list[str]) -> Iterator[tuple[str, int, int, int]]:
    for name in names:
        path = folder / name
        try:
            status = path.stat()
        except OSError:  # Gone since it was listed, or a link to nothing.
            continue
        yield str(path), status.st_size, status.st_mtime_ns, status.st_ino
