"""``leeboard registry import``: what it refuses, prints and leaves alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from runtime.errors import ConfigError
from runtime.registry_commands import registry
from runtime.testing.models import save_mlp


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A folder of one model with two versions, of which one is no model."""
    path = tmp_path / "models" / "fraud" / "4" / "model.onnx"
    path.parent.mkdir(parents=True)
    save_mlp(path)
    broken = tmp_path / "models" / "fraud" / "5" / "model.onnx"
    broken.parent.mkdir()
    broken.write_bytes(b"\x1b[31mhalf")
    return tmp_path / "models"


def run(folder: Path, *arguments: str) -> str:
    command = ["--dir", str(folder / "registry"), "import", *arguments]
    result = CliRunner().invoke(registry, command, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def arrivals(folder: Path, *arguments: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(run(folder, *arguments, "--json"))["arrivals"]
    return found


def test_what_the_gate_refuses_does_not_come(models: Path, tmp_path: Path) -> None:
    came = arrivals(tmp_path, str(models))
    assert [(a["theirs"], a["number"]) for a in came] == [(4, 1), (5, 0)]
    assert "cannot be opened" in came[1]["reason"]


def test_unproven_it_comes_all(models: Path, tmp_path: Path) -> None:
    came = arrivals(tmp_path, str(models), "--no-check")
    assert [a["number"] for a in came] == [1, 2]


def test_a_dry_run_makes_no_registry(models: Path, tmp_path: Path) -> None:
    said = run(tmp_path, str(models), "--dry-run")
    assert "fraud 4: would come as fraud/1" in said
    assert not (tmp_path / "registry").exists()


def test_a_dry_run_knows_what_is_there(models: Path, tmp_path: Path) -> None:
    run(tmp_path, str(models))
    said = run(tmp_path, str(models), "--dry-run")
    assert "fraud 4: is there already as fraud/1" in said


def test_an_import_moves_no_alias_that_is_there(models: Path, tmp_path: Path) -> None:
    run(tmp_path, str(models), "--alias", "champion")
    save_mlp(models / "fraud" / "5" / "model.onnx", seed=1)
    said = run(tmp_path, str(models), "--alias", "champion")
    assert "fraud 5: came as fraud/2" in said
    assert "fraud@champion stays: points at 1 here" in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nothing-there",), "cannot be read"),
        (("s3:bucket",), "from folders and from MLflow"),
        (("models", "--name", "loans"), "no model loans"),
    ],
)
def test_what_it_cannot_read_is_refused(
    arguments: tuple[str, ...],
    words: str,
    models: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=words):
        run(tmp_path, *arguments)


def test_a_registry_is_no_folder_of_models(models: Path, tmp_path: Path) -> None:
    run(tmp_path, str(models))
    with pytest.raises(ConfigError, match="backup"):
        run(tmp_path, str(tmp_path / "registry"))
