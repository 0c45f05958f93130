"""The repository that is a path on this machine: what lies there, model by model."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import replace
from pathlib import Path

from runtime.errors import ConfigError
from runtime.models.fingerprint import scan
from runtime.models.repository import (
    Found,
    find_model,
    find_models,
    folder_of,
    found_in,
    model_folders,
)
from runtime.models.settings import ModelSettings


class Folder:
    """A model file, one model's folder, or a folder of models; read anew each time.

    A folder that `may_be_empty` is one that models may still come to.
    """

    def __init__(
        self, path: Path, warmup: Path | None = None, may_be_empty: bool = False
    ) -> None:
        self._path = path
        self._warmup = warmup
        self._may_be_empty = may_be_empty

    def find(self) -> Found:
        """Return all that there is to serve; raises ConfigError for nothing at all."""
        prints = scan(self._path) if self._path.exists() else {}
        if self._may_be_empty and self._path.is_dir() and not model_folders(self._path):
            return Found()
        return printed(find_models(self._path, self._warmup), prints)

    def find_model(self, name: str, settings: ModelSettings | None = None) -> Found:
        """Return the versions of one model, under other settings where some are given.

        Nothing is in the answer where there is no such model.
        """
        prints = scan(self._path)
        if self._path.is_file():
            found = find_models(self._path, self._warmup)
            sources = (s for s in found.sources if s.name == name)
            kept = (
                s if settings is None else replace(s, settings=settings) for s in sources
            )
            return printed(Found(tuple(kept)), prints)
        try:
            folder = folder_of(self._path, name)
        except ConfigError:
            return Found()
        found = find_model(folder) if settings is None else found_in(folder, settings)
        return printed(found, prints)

    def fingerprints(self) -> dict[str, Hashable]:
        """Return what each model's files look like; raises ConfigError."""
        models: dict[str, dict[str, Hashable]] = {}
        for (name, version), files in scan(self._path).items():
            models.setdefault(name, {})[version] = files
        return {name: tuple(sorted(versions.items())) for name, versions in models.items()}

    def settings_from_json(self, name: str, text: str) -> ModelSettings:
        """Return a model's settings out of a ModelConfig as JSON; raises ConfigError."""
        from runtime.models.triton_config import from_json

        return from_json(text, folder_of(self._path, name))


def printed(found: Found, prints: Mapping[tuple[str, str], Hashable]) -> Found:
    """Return what was found with the fingerprint of each version's files."""
    sources = (
        replace(s, fingerprint=prints.get((s.name, s.version), prints.get((s.name, ""))))
        for s in found.sources
    )
    return replace(found, sources=tuple(sources))


class NoFolder:
    """No folder at all: every model comes from a registry."""

    def find(self) -> Found:
        """Return nothing."""
        return Found()

    def find_model(self, name: str, settings: ModelSettings | None = None) -> Found:
        """Return nothing."""
        return Found()

    def fingerprints(self) -> dict[str, Hashable]:
        """Return nothing."""
        return {}

    def settings_from_json(self, name: str, text: str) -> ModelSettings:
        """Raise ConfigError: there is no model to say it of."""
        raise ConfigError(f"there is no folder with a model {name!r}: PATH was not given")


def folder_at(
    path: Path | None, warmup: Path | None = None, may_be_empty: bool = False
) -> Folder | NoFolder:
    """Return what is served from a path, if there is one."""
    return NoFolder() if path is None else Folder(path, warmup, may_be_empty)
