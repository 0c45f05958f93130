"""What is found on disk: one file, or folders of any name with numbered versions."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime.errors import ConfigError
from runtime.models.repository import ModelSource, find_models, is_version


def put(root: Path, *names: str) -> None:
    """Make files, and a folder for each name that ends with a slash."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith("/"):
            path.mkdir(exist_ok=True)
        else:
            path.touch()


def found(root: Path) -> list[tuple[str, str]]:
    return [(source.name, source.version) for source in find_models(root)]


def test_a_file_is_version_one_of_its_name(tmp_path: Path) -> None:
    put(tmp_path, "a.b model.onnx", "warm.npz")
    source = find_models(tmp_path / "a.b model.onnx", tmp_path / "warm.npz")
    path = (tmp_path / "a.b model.onnx").resolve()
    assert source == [ModelSource("a.b model", "1", path, tmp_path / "warm.npz")]


def test_a_file_beside_a_warmup_does_not_take_it_unasked(tmp_path: Path) -> None:
    put(tmp_path, "mlp.onnx", "warmup.npz")
    assert find_models(tmp_path / "mlp.onnx")[0].warmup is None


def test_the_path_holds_when_the_working_directory_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, "m/1/model.onnx", "mlp.onnx")
    monkeypatch.chdir(tmp_path)
    paths = [find_models(Path(name))[0].path for name in (".", "mlp.onnx")]
    assert paths == [tmp_path / "m/1/model.onnx", tmp_path / "mlp.onnx"]


def test_models_are_listed_by_name_and_the_highest_number_is_served(tmp_path: Path) -> None:
    put(tmp_path, "b/2/model.onnx", "b/10/model.onnx", "a/0/model.onnx", "C d/3/model.onnx")
    assert found(tmp_path) == [("C d", "3"), ("a", "0"), ("b", "10")]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("1", True), ("0", True), ("10", True), ("123456789012345678901234", True),
        ("01", False), ("00", False), ("", False), ("v1", False), ("1.0", False),
        ("-1", False), ("+1", False), ("1_0", False), (" 1", False), ("latest", False),
        ("\N{SUPERSCRIPT TWO}", False), ("\N{ARABIC-INDIC DIGIT THREE}", False),
    ],
)  # fmt: skip
def test_a_version_is_a_decimal_number_without_leading_zeros(
    name: str, expected: bool
) -> None:
    assert is_version(name) is expected


@pytest.mark.parametrize("name", ["09", "v2", "1.5", "\N{SUPERSCRIPT TWO}"])
def test_another_name_is_passed_over_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    put(tmp_path, f"mlp/{name}/model.onnx", "mlp/1/model.onnx")
    assert found(tmp_path) == [("mlp", "1")]
    warning = f"{tmp_path / 'mlp' / name} is not a version: not a decimal number"
    assert caplog.messages == [warning]


def test_a_version_without_a_model_file_is_passed_over_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    put(tmp_path, "mlp/1/model.onnx", "mlp/2/other.onnx", "mlp/3/model.txt")
    put(tmp_path, "mlp/4/model.onnx/")
    assert found(tmp_path) == [("mlp", "1")]
    assert caplog.messages == [f"{tmp_path}/mlp/{n} has no model file" for n in (4, 3, 2)]


def test_a_folder_without_versions_is_passed_over_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    put(tmp_path, "forgot/model.onnx", "mlp/1/model.onnx")
    assert found(tmp_path) == [("mlp", "1")]
    warning = f"{tmp_path}/forgot has no version: no folder with a number for its name"
    assert caplog.messages == [warning]


def test_hidden_folders_and_loose_files_are_not_looked_at(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    put(tmp_path, ".git/1/model.onnx", "README", "mlp/1/model.onnx", "mlp/.cache/", "mlp/2")
    assert found(tmp_path) == [("mlp", "1")]
    assert caplog.messages == []


def test_a_warmup_beside_a_model_goes_with_its_version(tmp_path: Path) -> None:
    put(tmp_path, "a/1/model.onnx", "a/1/warmup.npz", "b/1/model.onnx", "b/warmup.npz")
    assert [source.warmup for source in find_models(tmp_path)] == [
        tmp_path / "a/1/warmup.npz",
        None,
    ]


def test_a_link_to_a_version_is_a_version(tmp_path: Path) -> None:
    put(tmp_path, "store/model.onnx", "models/mlp/")
    (tmp_path / "models/mlp/7").symlink_to(tmp_path / "store")
    (source,) = find_models(tmp_path / "models")
    assert (source.version, source.path) == ("7", tmp_path / "store/model.onnx")


@pytest.mark.parametrize("names", [(), ("mlp/",), ("mlp/v1/model.onnx",), ("model.onnx",)])
def test_a_folder_without_a_model_is_an_error_that_shows_the_layout(
    tmp_path: Path, names: tuple[str, ...]
) -> None:
    put(tmp_path, *names)
    words = f"{tmp_path} holds no model; expected {tmp_path}/MODEL/VERSION/model.onnx"
    with pytest.raises(ConfigError, match=words):
        find_models(tmp_path)


def test_a_path_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nowhere does not exist; give a model file or"):
        find_models(tmp_path / "nowhere")


def test_a_warmup_for_a_whole_folder_is_refused(tmp_path: Path) -> None:
    put(tmp_path, "mlp/1/model.onnx")
    with pytest.raises(
        ConfigError, match="--warmup goes with one model file; a folder has"
    ):
        find_models(tmp_path, tmp_path / "w.npz")
