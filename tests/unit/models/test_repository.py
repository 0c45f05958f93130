"""What is found on disk: one file, or folders of any name with numbered versions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from runtime.errors import ConfigError
from runtime.models.model_folder import ModelFolder
from runtime.models.repository import (
    Broken,
    Found,
    ModelSource,
    find_model,
    find_models,
    folder_of,
    found_in,
    read_version,
)
from runtime.models.settings import NO_SETTINGS, Versions
from runtime.models.triton_config import from_json
from tests.unit.models.repository_files import put, write


def found(root: Path) -> list[tuple[str, str]]:
    return [(source.name, source.version) for source in find_models(root).sources]


def test_a_file_is_version_one_of_its_name(tmp_path: Path) -> None:
    put(tmp_path, "a.b model.onnx", "warm.npz")
    found = find_models(tmp_path / "a.b model.onnx", tmp_path / "warm.npz")
    path = (tmp_path / "a.b model.onnx").resolve()
    assert found == Found((ModelSource("a.b model", "1", path, tmp_path / "warm.npz"),))


def test_a_file_beside_a_warmup_does_not_take_it_unasked(tmp_path: Path) -> None:
    put(tmp_path, "mlp.onnx", "warmup.npz")
    assert find_models(tmp_path / "mlp.onnx").sources[0].warmup is None


def test_the_path_holds_when_the_working_directory_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, "m/1/model.onnx", "mlp.onnx")
    monkeypatch.chdir(tmp_path)
    paths = [find_models(Path(name)).sources[0].path for name in (".", "mlp.onnx")]
    assert paths == [tmp_path / "m/1/model.onnx", tmp_path / "mlp.onnx"]


def test_models_are_listed_by_name_and_the_highest_number_is_served(tmp_path: Path) -> None:
    put(tmp_path, "b/2/model.onnx", "b/10/model.onnx", "a/0/model.onnx", "C d/3/model.onnx")
    assert found(tmp_path) == [("C d", "3"), ("a", "0"), ("b", "10")]


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
    assert [source.warmup for source in find_models(tmp_path).sources] == [
        tmp_path / "a/1/warmup.npz",
        None,
    ]


def test_a_link_to_a_version_in_the_repository_is_a_version(tmp_path: Path) -> None:
    put(tmp_path, "models/.store/model.onnx", "models/mlp/")
    (tmp_path / "models/mlp/7").symlink_to("../.store")
    (source,) = find_models(tmp_path / "models").sources
    assert source.version == "7"
    assert source.path == tmp_path / "models/.store/model.onnx"


@pytest.mark.parametrize("link", ["mlp", "mlp/7", "mlp/7/model.onnx", "mlp/7/warmup.npz"])
def test_a_link_out_of_the_repository_is_refused(tmp_path: Path, link: str) -> None:
    target = tmp_path / "elsewhere" / Path(*Path(link).parts[1:])
    put(tmp_path, "models/mlp/7/model.onnx", "models/ok/1/model.onnx", "models/mlp/7/a")
    put(tmp_path, "elsewhere/7/model.onnx", "elsewhere/7/warmup.npz")
    path = tmp_path / "models" / link
    if path.exists():
        path.rename(tmp_path / "moved")
    path.symlink_to(target)
    found = find_models(tmp_path / "models")
    assert [source.name for source in found.sources] == ["ok"]
    (broken,) = found.broken
    assert broken.name == "mlp"
    assert f"{link} leads to {target}, out of the repository {tmp_path}" in broken.reason
    assert "serve the folder that it leads to" in broken.reason


def test_an_operator_may_name_a_linked_folder(tmp_path: Path) -> None:
    put(tmp_path, "real/mlp/1/model.onnx")
    (tmp_path / "linked").symlink_to("real")
    assert found(tmp_path / "linked") == [("mlp", "1")]


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


@pytest.mark.parametrize("extra", ["leeboard.yaml", "config.pbtxt", "warmup/"])
def test_a_path_may_be_one_models_folder(tmp_path: Path, extra: str) -> None:
    put(tmp_path, "mlp/1/model.onnx", "mlp/2/model.onnx", f"mlp/{extra}")
    (source,) = find_models(tmp_path / "mlp").sources
    assert (source.name, source.version) == ("mlp", "2")
    assert source.folder == ModelFolder(tmp_path / "mlp", tmp_path / "mlp")


def test_the_working_directory_may_be_one_models_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, "mlp/1/model.onnx")
    monkeypatch.chdir(tmp_path / "mlp")
    assert found(Path()) == [("mlp", "1")]


def test_a_models_name_may_be_a_number(tmp_path: Path) -> None:
    put(tmp_path, "7/1/model.onnx")
    assert found(tmp_path) == [("7", "1")]


def test_a_declared_model_may_lie_beside_its_leeboard_yaml(tmp_path: Path) -> None:
    put(tmp_path, "mlp/model.onnx", "mlp/leeboard.yaml", "mlp/golden.npz", "mlp/src/")
    (source,) = find_models(tmp_path).sources
    assert (source.version, source.path) == ("1", tmp_path / "mlp/model.onnx")
    assert source.golden == tmp_path / "mlp/golden.npz"


def test_golden_values_go_with_their_version(tmp_path: Path) -> None:
    put(tmp_path, "a/1/model.onnx", "a/1/golden.npz", "b/1/model.onnx", "b/golden.npz")
    golden = [source.golden for source in find_models(tmp_path).sources]
    assert golden == [tmp_path / "a/1/golden.npz", None]


@pytest.mark.parametrize(
    ("versions", "expected"),
    [
        ("{latest: 1}", ["10"]),
        ("{latest: 2}", ["9", "10"]),
        ("{latest: 9}", ["2", "9", "10"]),
        ("all", ["2", "9", "10"]),
        ("[9, 2]", ["2", "9"]),
        ("[10]", ["10"]),
    ],
)
def test_the_version_policy_chooses_among_versions_with_a_file(
    tmp_path: Path, versions: str, expected: list[str]
) -> None:
    put(tmp_path, *(f"m/{n}/model.onnx" for n in (2, 9, 10)), "m/11/other.onnx")
    write(tmp_path, "m/leeboard.yaml", f"versions: {versions}")
    assert found(tmp_path) == [("m", version) for version in expected]


def test_a_named_version_that_is_not_there_is_told_of(tmp_path: Path) -> None:
    put(tmp_path, "m/2/model.onnx", "m/3/other.onnx")
    write(tmp_path, "m/leeboard.yaml", "versions: [2, 3, 4]")
    result = find_models(tmp_path)
    assert [source.version for source in result.sources] == ["2"]
    words = f"{tmp_path}/m/leeboard.yaml asks for version %s; there is no {tmp_path}/m/%s "
    words += "with a model file"
    assert result.broken == tuple(Broken("m", n, words % (n, n)) for n in ("3", "4"))


def test_one_bad_model_hides_no_other(tmp_path: Path) -> None:
    put(tmp_path, "a/1/model.onnx", "c/1/model.onnx", "b/1/model.onnx")
    write(tmp_path, "b/leeboard.yaml", "instancez: 2")
    result = find_models(tmp_path)
    assert [source.name for source in result.sources] == ["a", "c"]
    words = f"{tmp_path}/b/leeboard.yaml: instancez: unknown key; did you mean instances?"
    assert result.broken == (Broken("b", "", words),)


def test_two_configurations_are_refused(tmp_path: Path) -> None:
    put(tmp_path, "m/1/model.onnx", "m/leeboard.yaml", "m/config.pbtxt")
    words = f"{tmp_path}/m has leeboard.yaml and config.pbtxt; remove one of them"
    assert find_models(tmp_path).broken == (Broken("m", "", words),)


@pytest.mark.parametrize("kind", ["folder", "link to nothing"])
def test_a_configuration_that_is_no_file_is_refused(tmp_path: Path, kind: str) -> None:
    put(tmp_path, "m/1/model.onnx")
    if kind == "folder":
        put(tmp_path, "m/leeboard.yaml/")
    else:
        (tmp_path / "m/leeboard.yaml").symlink_to("nowhere")
    (broken,) = find_models(tmp_path).broken
    assert broken.reason == f"{tmp_path}/m/leeboard.yaml is not there, or is no file"


def test_a_configuration_without_a_version_is_told_of(tmp_path: Path) -> None:
    put(tmp_path, "m/1/other.onnx", "m/config.pbtxt")
    words = f"{tmp_path}/m/config.pbtxt: no version of {tmp_path}/m has a model file"
    assert find_models(tmp_path).broken == (Broken("m", "", words),)


def test_tritons_other_folders_are_no_versions(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    put(tmp_path, "m/1/model.onnx", "m/warmup/", "m/configs/", "m/config.pbtxt")
    assert found(tmp_path) == [("m", "1")]
    assert caplog.messages == []


def test_a_folder_that_vanished_is_passed_over(tmp_path: Path) -> None:
    assert find_model(ModelFolder(tmp_path / "gone", tmp_path)) == Found()


def test_a_version_that_vanished_is_passed_over(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    put(tmp_path, "m/1/model.onnx")
    folder = ModelFolder(tmp_path / "m", tmp_path)
    assert read_version(folder, tmp_path / "m/2", NO_SETTINGS) is None
    assert caplog.messages == []


def test_other_settings_may_take_the_files_place(tmp_path: Path) -> None:
    put(tmp_path, "m/1/model.onnx", "m/2/model.onnx")
    write(tmp_path, "m/leeboard.yaml", "nonsense")
    folder = folder_of(tmp_path, "m")
    settings = from_json('{"version_policy": {"all": {}}, "max_batch_size": 4}', folder)
    result = found_in(folder, settings)
    assert [(s.version, s.settings) for s in result.sources] == [
        ("1", settings),
        ("2", settings),
    ]


def test_one_models_folder_is_found_by_its_name(tmp_path: Path) -> None:
    put(tmp_path, "m/1/model.onnx", "out/1/model.onnx")
    assert folder_of(tmp_path, "m") == ModelFolder(tmp_path / "m", tmp_path)
    for name in ("../m", "n", "", "."):
        with pytest.raises(ConfigError, match="has no folder of a model"):
            folder_of(tmp_path, name)


def test_what_rows_look_like_and_must_look_like_lies_beside_a_model(tmp_path: Path) -> None:
    put(tmp_path, "m/1/model.onnx", "m/1/reference.json", "m/1/contract.json")
    put(tmp_path, "m/2/model.onnx")
    [two] = find_models(tmp_path).sources
    assert (two.reference, two.contract) == (None, None)
    settings = replace(NO_SETTINGS, versions=Versions(latest=0))
    folder = ModelFolder(tmp_path / "m", tmp_path)
    one = next(s for s in found_in(folder, settings).sources if s.version == "1")
    assert one.reference == tmp_path / "m/1/reference.json"
    assert one.contract == tmp_path / "m/1/contract.json"
