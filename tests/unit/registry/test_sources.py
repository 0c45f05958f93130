"""Registries are opened by the words that a person writes."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from runtime.errors import ConfigError
from runtime.registry.folder_source import FolderSource
from runtime.registry.sources import GROUP, OURS, open_source, parsed
from runtime.registry.store_source import StoreSource

ROOT = Path(__file__).resolve().parents[3]


def test_a_folder_is_a_store(tmp_path: Path) -> None:
    source = open_source(str(tmp_path / "registry"))
    assert isinstance(source, StoreSource)
    assert source.place == str(tmp_path / "registry")


def test_a_folder_of_models_is_named_as_one(tmp_path: Path) -> None:
    assert isinstance(open_source(f"folder:{tmp_path}"), FolderSource)


def test_a_source_opens_its_own_place(tmp_path: Path) -> None:
    place = FolderSource(tmp_path).place
    assert open_source(place).place == place


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("registry", ("store", "registry")),
        ("./folder:x", ("store", "./folder:x")),
        ("/a/b:c", ("store", "/a/b:c")),
        ("mlflow:http://u:p@h:1", ("mlflow", "http://u:p@h:1")),
        ("http://h:1/x", ("mlflow", "http://h:1/x")),
    ],
)
def test_text_is_a_kind_and_a_place(text: str, kind: tuple[str, str]) -> None:
    assert parsed(text) == kind


@pytest.mark.parametrize("text", ["", "folder:", "mlflow:"])
def test_no_place_is_no_registry(text: str) -> None:
    with pytest.raises(ConfigError, match="names no registry"):
        open_source(text)


def test_an_unknown_kind_lists_those_that_are_known() -> None:
    with pytest.raises(ConfigError, match=r"folder, mlflow, store.*\./s3:bucket"):
        open_source("s3:bucket")


def test_ours_are_entry_points_as_others_are() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["project"]["entry-points"][GROUP] == OURS


OTHERS = """
from runtime.registry.folder_source import FolderSource
from pathlib import Path


def bucket(place):
    return FolderSource(Path("/buckets", place))
"""


def test_others_bring_theirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    about = tmp_path / "others-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Name: others\nVersion: 1.0\n")
    points = "[runtime.registries]\nbucket = others:bucket\nfolder = others:bucket\n"
    (about / "entry_points.txt").write_text(points)
    (tmp_path / "others.py").write_text(OTHERS)
    monkeypatch.syspath_prepend(tmp_path)
    assert open_source("bucket:models").place == "folder:/buckets/models"
    assert open_source(f"folder:{tmp_path}").place == f"folder:{tmp_path}"


def test_a_registry_that_cannot_be_imported_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    about = tmp_path / "gone-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Name: gone\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[runtime.registries]\ngone = gone:source\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigError, match="'gone' cannot be imported"):
        open_source("gone:x")
