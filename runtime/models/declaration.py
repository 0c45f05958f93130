"""Finds and reads what a person wrote beside a model.

``leeboard.yaml`` is ours, ``config.pbtxt`` Triton's; both become `ModelSettings`.
"""

from __future__ import annotations

import os
from pathlib import Path

from runtime.errors import ConfigError
from runtime.models.model_folder import ModelFolder
from runtime.models.settings import NO_SETTINGS, ModelSettings

LEEBOARD_YAML = "leeboard.yaml"
CONFIG_PBTXT = "config.pbtxt"
FILES = (LEEBOARD_YAML, CONFIG_PBTXT)


def settings_files(folder: Path) -> list[str]:
    """Return the names of the files in a folder that say how its model is served.

    A link to nothing is among them: reading it fails, and nobody serves without it.
    """
    return [name for name in FILES if os.path.lexists(folder / name)]


def read_settings(folder: ModelFolder) -> ModelSettings:
    """Return what is said of the model in a folder; `NO_SETTINGS` where nothing is.

    Raises ConfigError that names the file, and the key or the option in it.
    """
    names = settings_files(folder.path)
    if len(names) > 1:
        raise ConfigError(f"{folder.path} has {' and '.join(names)}; remove one of them")
    if not names:
        return NO_SETTINGS
    (name,) = names
    text, origin = folder.text(name), str(folder.path / name)
    # Both readers are dear to import, and a folder of plain model files needs neither.
    if name == LEEBOARD_YAML:
        from runtime.models import leeboard_yaml

        return leeboard_yaml.read(text, folder, origin)
    from runtime.models import triton_config

    return triton_config.from_text(text, folder, origin)
