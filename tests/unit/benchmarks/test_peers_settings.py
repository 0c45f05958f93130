"""The catalogue of peers: pinned packages, settings, and what their servers read."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from benchmarks.peers.catalogue import CATALOGUE, PEERS
from benchmarks.peers.environments import pinned_packages, reason, run, version_of
from benchmarks.peers.launches import kserve, mlserver, mlserver_batched
from benchmarks.peers.place import Place
from benchmarks.peers.starting import free_ports
from benchmarks.peers.triton import config_text, write_repository
from benchmarks.processes import BenchmarkError
from runtime.testing.models import save_mlp

ENVIRONMENTS = sorted({peer.environment for peer in CATALOGUE})


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A place with the smallest model and no environment."""
    model = save_mlp(tmp_path / "mlp.onnx")
    return Place(tmp_path / "venv", tmp_path / "run", model, 8001, 8000, 8002)


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_every_package_is_pinned_to_one_version(name: str) -> None:
    for line in pinned_packages(name):
        assert re.fullmatch(r"[\w.-]+==\d[\w.]*", line), line


def test_every_peer_runs_the_same_onnx_runtime() -> None:
    versions = {version_of(name, "onnxruntime") for name in ENVIRONMENTS}
    assert len(versions) == 1


def test_every_peer_but_ours_names_its_package_and_the_source_of_its_settings() -> None:
    others = [peer for peer in CATALOGUE if peer.name != "leeboard"]
    assert [peer.name for peer in others if not (peer.sources and peer.settings)] == []
    for peer in others:
        assert version_of(peer.environment, peer.package)


def test_names_are_unique() -> None:
    assert len(PEERS) == len(CATALOGUE)


def test_a_failed_installation_says_why_without_addresses() -> None:
    output = "Looking in links: somewhere\nERROR: No wheel at https://host/simple/kserve\n"
    assert reason(output) == "No wheel at ..."


def test_a_step_that_fails_is_told_by_its_last_error(tmp_path: Path) -> None:
    script = "print('ERROR: first'); print('ERROR: No matching distribution'); exit(1)"
    with pytest.raises(BenchmarkError, match=r"^No matching distribution$"):
        run([sys.executable, "-c", script], tmp_path / "pip.log")


def test_free_ports_differ() -> None:
    assert len(set(free_ports(3))) == 3


def test_mlserver_reads_ports_and_limits_from_its_folder(place: Place) -> None:
    launch = mlserver(place)
    settings = json.loads((place.folder / "settings.json").read_text())
    assert (settings["host"], settings["grpc_port"]) == ("127.0.0.1", 8001)
    assert launch.command[1:] == ["start", str(place.folder)]


def test_mlserver_batches_only_when_told_to(place: Place) -> None:
    mlserver(place)
    alone = json.loads((place.folder / "model-settings.json").read_text())
    mlserver_batched(place)
    batched = json.loads((place.folder / "model-settings.json").read_text())
    assert "max_batch_size" not in alone
    assert (batched["max_batch_size"], batched["max_batch_time"]) == (64, 0.002)
    assert alone["inputs"] == [{"name": "x", "datatype": "FP32", "shape": [-1, 32]}]


def test_kserve_writes_no_line_for_a_request(place: Place) -> None:
    launch = kserve(place)
    assert "--enable_latency_logging=false" in launch.command
    assert launch.environment == {"KSERVE_LOGLEVEL": "WARNING"}


def test_tritons_model_has_one_processor_instance_and_batches_when_told_to(
    place: Place,
) -> None:
    repository = write_repository(place, batching=True)
    config = (repository / "mlp" / "config.pbtxt").read_text()
    assert 'input [ { name: "x" data_type: TYPE_FP32 dims: [ 32 ] } ]' in config
    assert "kind: KIND_CPU count: 1" in config
    assert "dynamic_batching { }" in config
    assert "dynamic_batching" not in config_text(place.model, [], [], batching=False)


def test_tritons_model_finds_the_environments_packages_first(place: Place) -> None:
    repository = write_repository(place, batching=True)
    lines = (repository / "mlp" / "1" / "model.py").read_text().splitlines()
    assert lines[2].startswith(f"sys.path[:0] = ['{place.site_packages}'")
