"""What is served from a path, or from none."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime.errors import ConfigError
from runtime.models.folder import Folder, NoFolder, folder_at
from runtime.models.repository import Found


def test_a_path_is_a_folder_and_no_path_is_none(tmp_path: Path) -> None:
    assert isinstance(folder_at(tmp_path, may_be_empty=True), Folder)
    assert isinstance(folder_at(None), NoFolder)


def test_no_folder_has_nothing_and_takes_no_settings() -> None:
    nothing = folder_at(None)
    assert nothing.find() == nothing.find_model("fraud") == Found()
    assert nothing.fingerprints() == {}
    with pytest.raises(ConfigError, match="no folder with a model 'fraud': PATH was not"):
        nothing.settings_from_json("fraud", "{}")
