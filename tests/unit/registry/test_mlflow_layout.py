"""What MLflow logged becomes files of a version, or is refused with words."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime.registry.mlflow_layout import files_in
from runtime.registry.source import RegistryError
from runtime.testing.models import save_mlp

ONNX = "flavors:\n  onnx:\n    data: {data}\n  python_function: {{}}\n"


def logged(folder: Path, data: str = "model.onnx") -> Path:
    """Write what `mlflow.onnx.log_model` leaves."""
    (folder / "MLmodel").write_text(ONNX.format(data=data))
    for name in ("conda.yaml", "requirements.txt", "python_env.yaml"):
        (folder / name).write_text("x")
    return folder


def test_an_onnx_flavour_is_its_model_file(tmp_path: Path) -> None:
    save_mlp(tmp_path / "model.onnx")
    assert list(files_in(logged(tmp_path))) == ["model/model.onnx"]


def test_a_model_of_another_name_gets_ours(tmp_path: Path) -> None:
    save_mlp(tmp_path / "network.onnx")
    found = files_in(logged(tmp_path, "network.onnx"))
    assert found == {"model/model.onnx": tmp_path / "network.onnx"}


def test_samples_and_settings_come_along(tmp_path: Path) -> None:
    save_mlp(tmp_path / "model.onnx")
    for name in ("warmup.npz", "golden.npz", "leeboard.yaml"):
        (tmp_path / name).write_bytes(b"x")
    assert set(files_in(logged(tmp_path))) == {
        "leeboard.yaml",
        "model/golden.npz",
        "model/model.onnx",
        "model/warmup.npz",
    }


def test_a_lone_file_without_a_description_will_do(tmp_path: Path) -> None:
    (tmp_path / "exported.pt2").write_bytes(b"x")
    assert list(files_in(tmp_path)) == ["model/model.pt2"]


@pytest.mark.parametrize(
    ("flavour", "instead"),
    [("sklearn", r"runtime\.registry\.push"), ("pytorch", "torch|push"), ("x", "onnx")],
)
def test_what_must_be_unpickled_is_refused_with_what_to_do(
    flavour: str, instead: str, tmp_path: Path
) -> None:
    (tmp_path / "MLmodel").write_text(f"flavors:\n  {flavour}: {{}}\n")
    (tmp_path / "model.pkl").write_bytes(b"x")
    with pytest.raises(RegistryError, match=f"{flavour}.*unpickled.*{instead}"):
        files_in(tmp_path)


@pytest.mark.parametrize("data", ["../../etc/passwd", "/etc/passwd"])
def test_a_model_file_lies_within_its_artifacts(data: str, tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match="outside"):
        files_in(logged(tmp_path, data))


def test_a_link_out_of_the_artifacts_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "artifacts"
    folder.mkdir()
    (tmp_path / "secret").write_text("x")
    (folder / "model.onnx").symlink_to(tmp_path / "secret")
    with pytest.raises(RegistryError, match="leads out"):
        files_in(logged(folder))


@pytest.mark.parametrize("text", ["", "[]", "flavors: 3", "{", "flavors: [onnx]"])
def test_a_description_that_says_nothing_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "MLmodel").write_text(text)
    with pytest.raises(RegistryError, match="MLmodel"):
        files_in(tmp_path)


def test_two_models_are_refused_by_name(tmp_path: Path) -> None:
    for name in ("a.onnx", "b.pt2", "c.py"):
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(RegistryError, match=r"a\.onnx, b\.pt2, c\.py"):
        files_in(tmp_path)
