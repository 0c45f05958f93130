"""MLflow, asked through its own client, keeps the contract of registries."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from runtime.errors import ConfigError
from runtime.registry.import_mlflow import find
from runtime.registry.manifest import digest_of
from runtime.registry.mlflow_client import MlflowRegistry
from runtime.registry.mlflow_source import MlflowSource
from runtime.registry.source import (
    CHAMPION,
    DigestMismatch,
    Happened,
    RegistryError,
    Use,
)
from runtime.registry_commands import registry as commands
from runtime.testing.models import save_mlp
from runtime.testing.registry_conformance import CHECKS
from runtime.testing.registry_stand import a_name, opened, publish_two
from tests.conformance.mlflow_stand import MLMODEL, MlflowStand
from tests.mlflow_server import MlflowServer


def run_registry(*arguments: str) -> Any:
    """Run a command of ``leeboard registry``; returns the JSON that it printed."""
    result = CliRunner().invoke(commands, arguments)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    server = MlflowServer(tmp_path_factory.mktemp("mlflow"))
    server.start()
    yield server
    server.stop()


@pytest.mark.parametrize("check", CHECKS)
def test_keeps_the_contract(check: str, server: MlflowServer) -> None:
    CHECKS[check](MlflowStand(server))


@pytest.fixture
def stand(server: MlflowServer) -> MlflowStand:
    return MlflowStand(server)


def test_what_a_server_tells_is_written_back(stand: MlflowStand) -> None:
    model, first, second = publish_two(stand)
    with opened(stand) as source:
        manifest = source.manifest(model, first)
        uses = [Use(model, first, "serves"), Use(model, second, "loading")]
        source.tell(
            "host:8001", uses, [Happened("refused", model, second, "leeboard", "NaN")]
        )
        tags = [stand.client.get_model_version(model, str(n)).tags for n in (first, second)]
    assert tags[0]["leeboard.digest"] == digest_of(manifest)
    assert tags[0]["leeboard.server.host-8001"] == "serves"
    assert tags[1]["leeboard.state"] == "refused by leeboard on host:8001: NaN"


def test_what_a_server_lets_go_of_is_taken_back_after_a_restart(stand: MlflowStand) -> None:
    model, first, second = publish_two(stand)
    with opened(stand) as source:
        source.tell("host:8001", [Use(model, first, "serves")], [])
    with opened(stand) as restarted:
        restarted.tell("host:8001", [Use(model, second, "serves")], [])
    tags = [stand.client.get_model_version(model, str(n)).tags for n in (first, second)]
    held = ["leeboard.server.host-8001" in found for found in tags]
    assert held == [False, True]


def test_files_are_held_to_a_digest_that_was_tagged(stand: MlflowStand) -> None:
    model, first, _ = publish_two(stand)
    with opened(stand) as source:
        source.manifest(model, first)
        source.tell("host", [Use(model, first, "serves")], [])
    stand.damage(model, first)
    with opened(stand) as later, pytest.raises(DigestMismatch, match="were changed"):
        later.manifest(model, first)


def test_a_move_tells_others_who_made_it(stand: MlflowStand) -> None:
    model, _, second = publish_two(stand)
    with opened(stand) as source, opened(stand) as other:
        generation = source.look(model, CHAMPION).generation
        source.move(model, CHAMPION, second, generation, "ann@laptop", "better")
        pointer = other.look(model, CHAMPION)
    assert (pointer.moved_by, pointer.reason) == ("ann@laptop", "better")


def test_files_on_the_disk_of_a_registry_are_not_read_here(
    stand: MlflowStand, tmp_path: Path
) -> None:
    (tmp_path / "model.onnx").write_bytes(b"not to be served")
    model, number = a_name(), 1
    stand.client.create_registered_model(model)
    stand.register_behind_its_back(model, f"file://{tmp_path}")
    with opened(stand) as source, pytest.raises(RegistryError, match="own disk"):
        source.manifest(model, number)


def test_a_model_that_must_be_unpickled_is_refused(
    stand: MlflowStand, tmp_path: Path
) -> None:
    (tmp_path / "MLmodel").write_text("flavors:\n  sklearn: {}\n")
    (tmp_path / "model.pkl").write_bytes(b"pickle")
    model = a_name()
    number = stand.register(model, tmp_path)
    stand.point(model, CHAMPION, number)
    with opened(stand) as source, pytest.raises(RegistryError, match="unpickled"):
        source.look(model, CHAMPION)


def test_an_import_brings_versions_aliases_and_what_the_run_says(
    stand: MlflowStand, tmp_path: Path
) -> None:
    model, registry = a_name(), tmp_path / "registry"
    for seed in (1, 2):
        folder = tmp_path / str(seed)
        folder.mkdir()
        save_mlp(folder / "model.onnx", seed=seed)
        (folder / "MLmodel").write_text(MLMODEL)
        number = stand.register(model, folder, auc=seed / 4)
    stand.point(model, CHAMPION, number)
    command = ["--dir", str(registry), "import", f"mlflow:{stand.uri}", "--name", model]
    dry = run_registry(*command, "--dry-run", "--json")
    assert not registry.exists()
    done = run_registry(*command, "--json")
    assert [a["digest"] for a in done["arrivals"]] == [a["digest"] for a in dry["arrivals"]]
    shown = run_registry("--dir", str(registry), "show", f"{model}@champion", "--json")
    manifest = shown["manifest"]
    assert shown["number"] == 2
    assert manifest["metrics"] == {"auc": 0.5}
    assert manifest["lineage"]["parameters"] == {"depth": "3"}
    assert manifest["signature"]["inputs"][0]["name"] == "x"


def test_names_with_quotes_are_found(stand: MlflowStand) -> None:
    model = f"{a_name()}'s"
    number = stand.publish(model, stand.model_files())
    found = MlflowRegistry(stand.uri).versions(model)
    assert [version.number for version in found] == [number]


def test_a_model_that_is_not_there_is_named(stand: MlflowStand, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no model loans"):
        find(MlflowSource(stand.uri), ["loans"], tmp_path)
