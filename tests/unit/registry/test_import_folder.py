"""What a folder of models would bring, and why the rest stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime.errors import ConfigError
from runtime.registry.import_folder import find, without_numbers
from runtime.registry.importing import Candidate
from runtime.testing.models import save_mlp


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder of two models; one has settings, and a version that is no model."""
    for number in (2, 10):
        path = tmp_path / "models" / "fraud" / str(number) / "model.onnx"
        path.parent.mkdir(parents=True)
        save_mlp(path, seed=number)
    (tmp_path / "models" / "tf" / "1").mkdir(parents=True)
    (tmp_path / "models" / "tf" / "1" / "saved_model.pb").write_bytes(b"x")
    return tmp_path / "models"


def found(root: Path, *names: str) -> dict[tuple[str, int], Candidate]:
    scratch = root.parent / "scratch"
    scratch.mkdir(exist_ok=True)
    return {(c.model, c.number): c for c in find(root, names, scratch).candidates}


def test_every_version_is_found_and_where_it_lay(root: Path) -> None:
    candidates = found(root)
    assert set(candidates) == {("fraud", 2), ("fraud", 10), ("tf", 1)}
    assert candidates["fraud", 10].source == f"{root}/fraud/10"
    assert candidates["fraud", 10].laid.framework == "onnx"


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("saved_model.pb", "SavedModel"),
        ("model.plan", "TensorRT"),
        ("model.graphdef", "GraphDef"),
        ("model.xml", "OpenVINO"),
        ("notes.txt", "no model"),
    ],
)
def test_what_cannot_be_served_has_a_reason(name: str, word: str, root: Path) -> None:
    (root / "tf" / "3").mkdir()
    (root / "tf" / "3" / name).write_bytes(b"x")
    assert word in found(root)["tf", 3].reason


def test_one_models_folder_will_do(root: Path) -> None:
    assert set(found(root / "fraud")) == {("fraud", 2), ("fraud", 10)}


def test_models_are_chosen_by_name(root: Path) -> None:
    assert set(found(root, "tf")) == {("tf", 1)}


def test_a_name_that_is_not_there_is_refused(root: Path) -> None:
    with pytest.raises(ConfigError, match="no model loans"):
        found(root, "loans")


@pytest.mark.parametrize("kind", ["missing", "empty"])
def test_a_folder_without_models_is_refused(kind: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match=kind):
        find(tmp_path / kind, [], tmp_path)


def test_settings_and_labels_come_along(root: Path) -> None:
    (root / "fraud" / "leeboard.yaml").write_text("max_batch_size: 8\n")
    (root / "fraud" / "labels.txt").write_text("no\nyes\n")
    files = found(root)["fraud", 2].laid.files
    assert set(files) == {"leeboard.yaml", "labels.txt", "model/model.onnx"}
    assert files["leeboard.yaml"] == root / "fraud" / "leeboard.yaml"


def test_a_name_and_numbers_of_versions_stay_behind(root: Path) -> None:
    (root / "fraud" / "config.pbtxt").write_text(
        'name: "fraud"\nmax_batch_size: 8\nversion_policy { specific { versions: 2 } }\n'
    )
    path = found(root)["fraud", 2].laid.files["config.pbtxt"]
    assert path.read_text() == "max_batch_size: 8\n"


def test_aliases_come_from_their_files(root: Path) -> None:
    (root / "fraud" / ".aliases").mkdir()
    (root / "fraud" / ".aliases" / "champion").write_text("10\n")
    (root / "fraud" / ".aliases" / "broken").write_text("ten\n")
    assert find(root, [], root.parent).aliases["fraud"] == {"champion": 10}


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("versions: all\nthreads: 2\n", "threads: 2\n"),
        ("threads: 2\nversions:\n  latest: 2\nqueue: {}\n", "threads: 2\nqueue: {}\n"),
        ("versions:\n- 3\n- 4\nthreads: 2\n", "threads: 2\n"),
        ("threads: 2\n", None),
        ("options: {versions: 3}\n", None),
    ],
)
def test_yaml_loses_its_versions_alone(text: str, rest: str | None) -> None:
    assert without_numbers("leeboard.yaml", text) == rest


def test_a_config_that_cannot_be_read_is_left_for_the_gate_to_tell() -> None:
    assert without_numbers("config.pbtxt", "name: [") is None
