"""Finds model files: one file, or a folder ``model/version/model.onnx``.

A version is a folder whose name is a decimal number; clients read versions as numbers. The
highest version of each model is served. A ``warmup.npz`` beside a model file holds inputs
for the load check.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from runtime.backends import registered
from runtime.errors import ConfigError

logger = logging.getLogger(__name__)

WARMUP_FILE = "warmup.npz"


@dataclass(frozen=True, slots=True)
class ModelSource:
    """One version of one model as it lies on disk."""

    name: str
    version: str
    path: Path
    warmup: Path | None = None


def find_models(path: Path, warmup: Path | None = None) -> list[ModelSource]:
    """Return what there is to serve at `path`, by name; raises ConfigError for nothing."""
    if path.is_file():
        return [ModelSource(path.stem, "1", path.resolve(), warmup)]
    if not path.is_dir():
        raise ConfigError(f"{path} does not exist; give a model file or a folder of models")
    if warmup is not None:
        raise ConfigError(
            f"--warmup goes with one model file; a folder has {WARMUP_FILE} beside a model"
        )
    try:
        folders = sorted(p for p in path.iterdir() if is_visible_folder(p))
        found = [source for p in folders if (source := find_version(p)) is not None]
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error
    if not found:
        raise ConfigError(
            f"{path} holds no model; expected {path}/MODEL/VERSION/model.onnx "
            "with a number for VERSION"
        )
    return found


def is_visible_folder(path: Path) -> bool:
    """Tell whether a path is a folder that is not hidden."""
    return path.is_dir() and not path.name.startswith(".")


def is_version(name: str) -> bool:
    """Tell whether a folder's name is a version: a decimal number without leading zeros."""
    return name.isascii() and name.isdigit() and str(int(name)) == name


def find_version(folder: Path) -> ModelSource | None:
    """Return the highest version in a model's folder, or None when it has none."""
    names = [p.name for p in folder.iterdir() if is_visible_folder(p)]
    if not names:
        logger.warning("%s has no version: no folder with a number for its name", folder)
    for name in names:
        if not is_version(name):
            logger.warning("%s is not a version: not a decimal number", folder / name)
    for version in sorted((int(n) for n in names if is_version(n)), reverse=True):
        for suffix in sorted(registered()):
            file = folder / str(version) / f"model.{suffix}"
            if file.is_file():
                beside = file.with_name(WARMUP_FILE)
                warmup = beside if beside.is_file() else None
                return ModelSource(folder.name, str(version), file.resolve(), warmup)
        logger.warning("%s has no model file", folder / str(version))
    return None
