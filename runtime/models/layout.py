"""How one model's folder is laid out: versions, the file of each, and what lies beside it.

Versions are published by renaming a finished folder into place: hidden folders and names
that are no numbers are passed over, and a folder that vanishes is no error.
"""

from __future__ import annotations

import logging
from functools import cache
from pathlib import Path

from runtime.backends import registered
from runtime.errors import ConfigError
from runtime.models.declaration import settings_files
from runtime.models.model_folder import ModelFolder, within
from runtime.models.settings import ModelSettings

logger = logging.getLogger(__name__)

WARMUP_FILE = "warmup.npz"
GOLDEN_FILE = "golden.npz"
REFERENCE_FILE = "reference.json"
CONTRACT_FILE = "contract.json"
IGNORED_FOLDERS = frozenset({"warmup", "configs", "__pycache__"})
"""Folders of a model that are no versions, and that nobody need be told of."""

SUFFIXES = {
    "onnx": ("onnx",),
    "torch": ("pt", "pt2", "ts", "safetensors"),
    "python": ("py",),
}
"""What the files of a backend end with, where a backend is named."""

WEIGHTS = "model.safetensors"


@cache
def known_suffixes() -> tuple[str, ...]:
    """Return what model files may end with; asked once, as it reads all entry points."""
    return tuple(sorted(registered()))


def is_visible_folder(path: Path) -> bool:
    """Tell whether a path is a folder that is not hidden and whose name is text."""
    return path.is_dir() and path.name[:1] != "." and is_text(path.name)


def is_text(name: str) -> bool:
    """Tell whether a file's name is UTF-8: clients could not ask for another."""
    try:
        name.encode()
    except UnicodeEncodeError:
        logger.warning("%r is passed over: its name is no UTF-8", name)
        return False
    return True


def is_version(name: str) -> bool:
    """Tell whether a folder's name is a version: a decimal number without leading zeros."""
    return name.isascii() and name.isdigit() and (name == "0" or name[0] != "0")


def version_folders(folder: Path) -> list[Path]:
    """Return the folders of a model's versions, the highest first."""
    found = [p for p in folder.iterdir() if is_version(p.name) and is_visible_folder(p)]
    return sorted(found, key=lambda path: int(path.name), reverse=True)


def other_folders(folder: Path) -> list[str]:
    """Return the names of visible folders that should be versions and are none."""
    return sorted(
        p.name
        for p in folder.iterdir()
        if is_visible_folder(p) and not is_version(p.name) and p.name not in IGNORED_FOLDERS
    )


def is_model_folder(path: Path) -> bool:
    """Tell whether a folder is one model's own, rather than a folder of models."""
    if settings_files(path):
        return True
    names = [f"model.{suffix}" for suffix in known_suffixes()]
    return any(
        (version / name).exists() for version in version_folders(path) for name in names
    )


def model_file(version: Path, settings: ModelSettings, folder: ModelFolder) -> Path | None:
    """Return the file of a version, links followed, or None where there is none.

    Raises ConfigError when more than one would do, or it lies outside of the repository.
    """
    if settings.file:
        found = _file_at(version / within(settings.file))
        return folder.contained(found) if found else None
    suffixes = SUFFIXES.get(settings.backend) or known_suffixes()
    candidates = [_file_at(version / f"model.{suffix}") for suffix in suffixes]
    found_files = [path for path in candidates if path is not None]
    if len(found_files) > 1 and "module" not in settings.options:
        found_files = [path for path in found_files if path.name != WEIGHTS]
    if len(found_files) > 1:
        names = ", ".join(path.name for path in found_files)
        raise ConfigError(
            f"{version} has more than one model file: {names}; remove all but one, or name "
            "it: `file:` in leeboard.yaml, default_model_filename in config.pbtxt"
        )
    if not found_files:
        return None
    (found,) = found_files
    if found.name == WEIGHTS and "module" not in settings.options:
        raise ConfigError(
            f"{found} holds weights only; say in leeboard.yaml whose they are, as in "
            "`module: package.factory`"
        )
    return folder.contained(found)


def _file_at(path: Path) -> Path | None:
    """Return the file at a path; a folder may hold the model under its own name."""
    if path.is_dir():
        path = path / path.name
    return path if path.is_file() else None


def beside(version: Path, name: str, folder: ModelFolder) -> Path | None:
    """Return a file of a version by its name, or None where it is not there.

    Raises ConfigError when it lies outside of the repository.
    """
    path = version / name
    if not path.is_file():
        return None
    folder.contained(path)
    return path
