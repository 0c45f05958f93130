"""What a file or a folder that somebody pushes becomes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runtime.errors import ConfigError
from runtime.registry.layout import lay_out, place_of


def write(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return root


def names(path: Path) -> list[str]:
    return sorted(lay_out(path).files)


@pytest.mark.parametrize(
    ("name", "path", "framework"),
    [
        ("Fraud-v3.onnx", "model/model.onnx", "onnx"),
        ("x.pt2", "model/model.pt2", "torch"),
        ("net.TS", "model/model.ts", "torch"),
    ],
)
def test_a_lone_file_gets_the_name_that_servers_look_for(
    tmp_path: Path, name: str, path: str, framework: str
) -> None:
    write(tmp_path, name, "leeboard.yaml", "other.onnx")
    laid = lay_out(tmp_path / name)
    assert laid.files == {path: tmp_path / name}
    assert laid.framework == framework


def test_inputs_to_run_it_with_go_along(tmp_path: Path) -> None:
    write(tmp_path, "x.onnx", "rows.npz")
    laid = lay_out(tmp_path / "x.onnx", tmp_path / "rows.npz")
    assert laid.files["model/warmup.npz"] == tmp_path / "rows.npz"
    with pytest.raises(ConfigError, match="is no file of inputs"):
        lay_out(tmp_path / "x.onnx", tmp_path / "none.npz")


def test_a_folder_of_one_version_is_below_model(tmp_path: Path) -> None:
    write(tmp_path, "model.onnx", "warmup.npz", "parts/w.bin", ".hidden", "__pycache__/x")
    found = ["model/model.onnx", "model/parts/w.bin", "model/warmup.npz"]
    assert names(tmp_path) == found
    assert lay_out(tmp_path).framework == "onnx"


def test_settings_lie_beside_the_only_version(tmp_path: Path) -> None:
    write(tmp_path, "config.pbtxt", "labels.txt", "warmup/x.bin", "7/model.onnx", "7/a")
    found = ["config.pbtxt", "labels.txt", "model/a", "model/model.onnx", "warmup/x.bin"]
    assert names(tmp_path) == found


def test_a_version_of_a_model_brings_its_settings(tmp_path: Path) -> None:
    write(tmp_path, "leeboard.yaml", "10/model.onnx", "4/model.onnx", "4/golden.npz")
    assert names(tmp_path / "4") == [
        "leeboard.yaml",
        "model/golden.npz",
        "model/model.onnx",
    ]
    with pytest.raises(
        ConfigError, match="holds the versions 4, 10; push one of them, as"
    ) as e:
        lay_out(tmp_path)
    assert str(tmp_path / "10") in str(e.value)


def test_a_version_without_settings_brings_nothing(tmp_path: Path) -> None:
    write(tmp_path, "secrets.txt", "3/model.onnx")
    assert names(tmp_path / "3") == ["model/model.onnx"]


def test_settings_beside_the_model_file_are_apart_in_the_manifest(tmp_path: Path) -> None:
    write(tmp_path, "leeboard.yaml", "model.py", "weights.safetensors", "warmup.npz")
    assert names(tmp_path) == [
        "leeboard.yaml",
        "model/model.py",
        "model/warmup.npz",
        "model/weights.safetensors",
        "weights.safetensors",
    ]
    assert lay_out(tmp_path).framework == "python"


def test_a_model_file_of_another_name_is_found_by_its_suffix(tmp_path: Path) -> None:
    write(tmp_path, "1/net.onnx", "leeboard.yaml")
    assert lay_out(tmp_path).framework == "onnx"


def test_links_are_followed_and_kept_inside(tmp_path: Path) -> None:
    write(tmp_path / "m", "real.bin", "1/x")
    (tmp_path / "m" / "1" / "model.onnx").symlink_to("../real.bin")
    laid = lay_out(tmp_path / "m")
    assert laid.files["model/model.onnx"] == tmp_path / "m" / "real.bin"
    write(tmp_path, "secret")
    (tmp_path / "m" / "1" / "w").symlink_to(tmp_path / "secret")
    with pytest.raises(ConfigError, match=r"out of .*; copy it inside"):
        lay_out(tmp_path / "m")


def test_a_link_in_a_circle_or_to_nothing_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "model.onnx")
    (tmp_path / "again").symlink_to(".")
    with pytest.raises(ConfigError, match="deep, or a loop"):
        lay_out(tmp_path)
    (tmp_path / "again").unlink()
    (tmp_path / "gone").symlink_to("nowhere")
    with pytest.raises(ConfigError, match="leads nowhere"):
        lay_out(tmp_path)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "model.onnx")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigError, match="is no file and no folder"):
        lay_out(tmp_path)


def test_what_no_backend_opens_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "x.pkl", "empty/readme.txt")
    with pytest.raises(ConfigError, match=r"no backend opens such files; known: \.fault"):
        lay_out(tmp_path / "x.pkl")
    with pytest.raises(ConfigError, match="holds no model: expected"):
        lay_out(tmp_path / "empty")
    with pytest.raises(ConfigError, match="does not exist"):
        lay_out(tmp_path / "none")


def test_the_way_back_puts_the_version_into_its_folder() -> None:
    assert place_of("model/parts/w.bin", 12) == "12/parts/w.bin"
    assert place_of("modelling/x", 12) == "modelling/x"
