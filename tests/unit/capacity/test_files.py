"""A file is written whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runtime.capacity.files import write_json


def test_a_file_replaces_the_one_before(tmp_path: Path) -> None:
    file = tmp_path / "new" / "file.json"
    write_json(file, [1])
    write_json(file, {"a": 2})
    assert json.loads(file.read_text()) == {"a": 2}
    assert list(file.parent.iterdir()) == [file]


def test_what_is_no_json_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "file.json"
    write_json(file, [1])
    with pytest.raises(TypeError):
        write_json(file, [object()])
    assert json.loads(file.read_text()) == [1]


def test_nothing_is_left_beside_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(IsADirectoryError):
        write_json(folder, [1])
    assert list(tmp_path.iterdir()) == [folder]
