"""A file is checked without a server, and all that is wrong is told."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from runtime.cli import app
from runtime.options.checking import mistakes_of


def written(folder: Path, text: str) -> Path:
    path = folder / "server.yaml"
    path.write_text(text)
    return path


def test_a_good_file_has_no_mistakes(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    text = (
        "path: models\nready_file: ready.json\nworkers: {threads: 2}\n"
        "repository: {model_control_mode: explicit, load_model: ['*']}"
    )
    assert mistakes_of(written(tmp_path, text)) == []
    assert mistakes_of(written(tmp_path, "")) == []


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "path: nowhere\nready_file: none/ready.json\nexit_timeout: -1\nstrikt: true\n"
        "workers: {threads: 0, worker_cpus: all, instances: x}\n"
        "repository: {load_model: [a]}",
    )
    assert mistakes_of(path) == [
        f"{path}: unknown key strikt; did you mean strict?",
        f"{path}: workers.instances: 'x' is not an integer",
        f"--worker-cpus 'all' is no list like 2,4-7 ({path}: workers.worker_cpus)",
        f"--threads is 0; it must be 1 to 1024 ({path}: workers.threads)",
        f"--exit-timeout is -1.0; it must be 0 to 86400 ({path}: exit_timeout)",
        "--load-model goes with --model-control-mode explicit, not none "
        f"({path}: repository.load_model)",
        f"{path}: path: {tmp_path}/nowhere is not there",
        f"{path}: ready_file: the folder {tmp_path}/none is not there",
    ]


@pytest.mark.parametrize(("text", "status"), [("strict: true", 0), ("strict: 1", 1)])
def test_the_exit_status_tells(tmp_path: Path, text: str, status: int) -> None:
    path = written(tmp_path, text)
    other = Path(shutil.copy(path, tmp_path / "other.yaml"))
    done = CliRunner().invoke(app, ["config", "check", str(path), str(other)])
    assert done.exit_code == status
    words = "strict: 1 is not true or false" if status else "good"
    assert done.output.count(words) == 2


def test_the_schema_of_each_file_can_be_had() -> None:
    server = json.loads(CliRunner().invoke(app, ["config", "schema"]).output)
    model = json.loads(CliRunner().invoke(app, ["config", "schema", "model"]).output)
    threads = server["properties"]["workers"]["properties"]["threads"]
    assert threads == {
        "type": "integer", "default": 1, "description": "Compute threads of each worker."
    }  # fmt: skip
    assert "instances" in model["properties"]


def test_options_of_a_server_that_cannot_be_looked_into_are_not_made_up() -> None:
    done = CliRunner().invoke(app, ["config", "show", "--url", "127.0.0.1:1"])
    assert "127.0.0.1:1 are not this user's, or not here" in str(done.exception)
    both = ["config", "show", "--url", "127.0.0.1:1", "--config", "a"]
    assert "either --config or --url" in CliRunner().invoke(app, both).output


def test_the_options_are_shown_with_their_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEEBOARD_THREADS", "3")
    monkeypatch.setenv("COLUMNS", "200")
    path = written(tmp_path, "strict: true")
    arguments = ["config", "show", "--config", str(path)]
    shown = json.loads(CliRunner().invoke(app, [*arguments, "--json"]).output)
    assert shown["workers.threads"] == {"value": 3, "from": "LEEBOARD_THREADS"}
    assert shown["strict"] == {"value": True, "from": f"{path}: strict"}
    assert shown["warmup"] == {"value": None, "from": "default"}
    lines = CliRunner().invoke(app, arguments).output.splitlines()
    assert any("workers.threads" in line and "LEEBOARD_THREADS" in line for line in lines)
