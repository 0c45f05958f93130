"""Finds what there is to serve: one file, one model's folder, or a folder of models.

A folder of models holds ``MODEL/VERSION/model.onnx``. A version is a folder whose name is a
decimal number; clients read versions as numbers. ``leeboard.yaml`` or Triton's
``config.pbtxt`` in MODEL may say how the model is served; without it the highest version
is. A ``warmup.npz`` beside a model file holds inputs for the load check, a ``golden.npz``
inputs and outputs that must be met, a ``reference.json`` what rows look like
(`runtime.profiles`), a ``contract.json`` what they must look like (`runtime.monitor`).

One model that cannot be served never hides another: it is told of as `Broken`.
"""

from __future__ import annotations

import logging
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from pathlib import Path

from runtime.errors import ConfigError
from runtime.models.declaration import LEEBOARD_YAML, read_settings, settings_files
from runtime.models.layout import (
    CONTRACT_FILE,
    GOLDEN_FILE,
    REFERENCE_FILE,
    WARMUP_FILE,
    beside,
    is_model_folder,
    is_visible_folder,
    model_file,
    other_folders,
    version_folders,
)
from runtime.models.model_folder import ModelFolder
from runtime.models.settings import NO_SETTINGS, ModelSettings, Versions

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ModelSource:
    """One version of one model as it lies on disk.

    `path` has its links followed. `folder` is the model's; None for a lone file.
    `fingerprint` is what its files looked like, as `runtime.models.fingerprint` sees them.
    `reference` and `contract` say what its rows look like, and what they must look like.
    """

    name: str
    version: str
    path: Path
    warmup: Path | None = None
    settings: ModelSettings = NO_SETTINGS
    golden: Path | None = None
    folder: ModelFolder | None = None
    fingerprint: Hashable = None
    reference: Path | None = None
    contract: Path | None = None


@dataclass(frozen=True, slots=True)
class Broken:
    """What should be served and cannot be; `version` is empty where it is the model."""

    name: str
    version: str
    reason: str


@dataclass(frozen=True, slots=True)
class Found:
    """What there is to serve, by name, and what there would be."""

    sources: tuple[ModelSource, ...] = ()
    broken: tuple[Broken, ...] = ()

    @property
    def names(self) -> set[str]:
        """The names of all models that were found, broken ones included."""
        return {one.name for one in self.sources} | {one.name for one in self.broken}


def find_models(path: Path, warmup: Path | None = None) -> Found:
    """Return what there is to serve at `path`; raises ConfigError for nothing at all.

    `warmup` goes with a lone model file.
    """
    if path.is_file():
        return Found((ModelSource(path.stem, "1", path.resolve(), warmup),))
    if not path.is_dir():
        raise ConfigError(f"{path} does not exist; give a model file or a folder of models")
    if warmup is not None:
        raise ConfigError(
            f"--warmup goes with one model file; a folder has {WARMUP_FILE} beside a model"
        )
    found = [find_model(folder) for folder in model_folders(path)]
    sources = tuple(source for one in found for source in one.sources)
    broken = tuple(entry for one in found for entry in one.broken)
    if not sources and not broken:
        raise ConfigError(
            f"{path} holds no model; expected {path}/MODEL/VERSION/model.onnx "
            "with a number for VERSION"
        )
    return Found(sources, broken)


def model_folders(path: Path) -> list[ModelFolder]:
    """Return the models' folders at a path: itself, or those in it.

    Raises ConfigError when it cannot be read.
    """
    try:
        root = path.resolve()
        if is_model_folder(path):
            # Under its real name: `.` would be no name for a model.
            return [ModelFolder(root, root)]
        return [
            ModelFolder(folder, root)
            for folder in sorted(path.iterdir())
            if is_visible_folder(folder)
        ]
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error


def folder_of(path: Path, name: str) -> ModelFolder:
    """Return the folder of one model at a path; raises ConfigError when it is not there."""
    folders = model_folders(path) if path.is_dir() else []
    for folder in folders:
        if folder.name == name:
            return folder
    raise ConfigError(f"{path} has no folder of a model {name!r}")


def find_model(folder: ModelFolder) -> Found:
    """Return the versions of one model that are to be served, the lowest first.

    What is wrong with the model, or with one of its versions, is in the answer. Nothing is
    in it when there is no version, or the folder vanishes meanwhile.
    """
    try:
        folder.contained(folder.path)
        settings = read_settings(folder)
        return found_in(folder, settings)
    except (ConfigError, OSError) as error:
        if not folder.path.is_dir():
            return Found()
        return Found(broken=(Broken(folder.name, "", str(error)),))


def found_in(folder: ModelFolder, settings: ModelSettings) -> Found:
    """Return the versions of one model under given settings, as `find_model` does."""
    numbered = version_folders(folder.path)
    if not numbered and LEEBOARD_YAML in settings_files(folder.path):
        lone = read_version(folder, folder.path, settings)
        return chosen([lone] if lone else [], settings, folder)
    others = other_folders(folder.path)
    for name in others:
        logger.warning("%s is not a version: not a decimal number", folder.path / name)
    if not numbered and not others and not settings.origin:
        logger.warning(
            "%s has no version: no folder with a number for its name", folder.path
        )
    versions = (read_version(folder, path, settings) for path in numbered)
    return chosen((one for one in versions if one), settings, folder)


def read_version(
    folder: ModelFolder, version: Path, settings: ModelSettings
) -> ModelSource | Broken | None:
    """Return what a version's folder holds; None, and a warning, for no model file."""
    name = "1" if version == folder.path else version.name
    try:
        folder.contained(version)
        path = model_file(version, settings, folder)
        if path is None:
            if version.is_dir():
                logger.warning("%s has no model file%s", version, _wanted(settings))
            return None
        return ModelSource(
            folder.name,
            name,
            path,
            beside(version, WARMUP_FILE, folder),
            settings,
            beside(version, GOLDEN_FILE, folder),
            folder,
            reference=beside(version, REFERENCE_FILE, folder),
            contract=beside(version, CONTRACT_FILE, folder),
        )
    except (ConfigError, OSError) as error:
        return Broken(folder.name, name, str(error)) if version.is_dir() else None


def _wanted(settings: ModelSettings) -> str:
    return f" {settings.file}" if settings.file else ""


def chosen(
    versions: Iterator[ModelSource | Broken] | list[ModelSource | Broken],
    settings: ModelSettings,
    folder: ModelFolder,
) -> Found:
    """Return those of a model's versions, highest first, that its policy serves."""
    kept = list(picked(versions, settings.versions))
    there = {one.version for one in kept}
    absent = [name for name in settings.versions.named if name not in there]
    broken = [one for one in kept if isinstance(one, Broken)]
    broken += [
        Broken(
            folder.name,
            name,
            f"{settings.origin} asks for version {name}; there is no "
            f"{folder.path / name} with a model file{_wanted(settings)}",
        )
        for name in absent
    ]
    if not kept and not absent and settings.origin:
        reason = f"{settings.origin}: no version of {folder.path} has a model file"
        reason += _wanted(settings)
        broken.append(Broken(folder.name, "", reason))
    sources = [one for one in kept if isinstance(one, ModelSource)]
    return Found(tuple(reversed(sources)), tuple(broken))


def picked(
    versions: Iterator[ModelSource | Broken] | list[ModelSource | Broken],
    policy: Versions,
) -> Iterator[ModelSource | Broken]:
    """Yield the versions that a policy serves, and look at no more than it needs."""
    left = policy.latest
    for one in versions:
        if policy.named:
            if one.version in policy.named:
                yield one
            continue
        yield one
        left -= 1
        if left == 0:
            return
