"""Scrapes by Prometheus' own parsers: Triton's names, OpenMetrics, and a busy server."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
import tritonclient.grpc as triton
from prometheus_client.core import Metric
from prometheus_client.openmetrics import parser as openmetrics_parser
from tritonclient.utils import InferenceServerException

from runtime import __version__
from runtime.testing.running import RunningServer
from runtime.testing.waiting import wait_until
from tests.integration.calls import rows, tensors

parse_openmetrics: Callable[[str], Iterable[Metric]] = (
    openmetrics_parser.text_string_to_metric_families
)
OPENMETRICS = "application/openmetrics-text; version=1.0.0"

WAITS = """\
import pathlib, time


class Model:
    def load(self, context):
        while not pathlib.Path(context.options["gate"]).exists():
            time.{sleep}(0.01)

    def predict(self, batch):
        return {{"y": batch["x"]}}
"""
DECLARED = """\
inputs: [{{name: x, datatype: FP32, dims: [4]}}]
outputs: [{{name: y, datatype: FP32, dims: [4]}}]
options: {{gate: {gate}}}
"""

Client = triton.InferenceServerClient


def triton_values(server: RunningServer, model: str) -> dict[str, float]:
    """Return a model's nv_ samples by name and reason, as they stand on the page."""
    found = {}
    for line in server.get("/metrics").splitlines():
        if line.startswith("nv_") and f'model="{model}"' in line:
            name, _, value = line.partition("{")[0], *line.rpartition(" ")[1:]
            reason = line.partition('reason="')[2].partition('"')[0]
            found[f"{name} {reason}".strip()] = float(value)
    return found


def test_tritons_counters_count_what_triton_counts(
    server: RunningServer, client: Client
) -> None:
    before = triton_values(server, "mlp")
    for _ in range(3):
        client.infer("mlp", tensors(x=rows(4, width=32)))
    with pytest.raises(InferenceServerException):
        client.infer("mlp", tensors(x=np.ones((1, 1), np.float32)))
    after = triton_values(server, "mlp")
    grown = {name: after[name] - before[name] for name in after}
    assert grown["nv_inference_request_success"] == 3
    assert grown["nv_inference_count"] == 12
    assert grown["nv_inference_exec_count"] == 3
    assert grown["nv_inference_request_failure OTHER"] == 1
    assert {r: grown[f"nv_inference_request_failure {r}"]
            for r in ("REJECTED", "CANCELED", "BACKEND")} == {
        "REJECTED": 0, "CANCELED": 0, "BACKEND": 0,
    }  # fmt: skip
    assert after["nv_inference_pending_request_count"] == 0
    assert after["nv_model_load_duration_secs"] > 0
    phases = ("queue", "compute_input", "compute_infer", "compute_output")
    parts = [grown[f"nv_inference_{phase}_duration_us"] for phase in phases]
    whole = grown["nv_inference_request_duration_us"]
    assert all(part >= 0 for part in parts)
    assert 0 < sum(parts) <= whole + 3 * len(parts)  # Each is cut to whole microseconds.


def test_the_statistics_over_grpc_agree_with_tritons_counters(
    server: RunningServer, client: Client
) -> None:
    client.infer("mlp", tensors(x=rows(2, width=32)))
    (told,) = client.get_inference_statistics("mlp").model_stats
    values = triton_values(server, "mlp")
    assert values["nv_inference_request_success"] == told.inference_stats.success.count
    assert values["nv_inference_exec_count"] == told.execution_count
    queue_us = told.inference_stats.queue.ns // 1000
    assert values["nv_inference_queue_duration_us"] == queue_us


def test_openmetrics_is_read_by_prometheus_own_parser(server: RunningServer) -> None:
    page = server.get("/metrics", accept=OPENMETRICS)
    families = {family.name: family for family in parse_openmetrics(page)}
    assert families["leeboard_requests"].type == "counter"
    assert families["leeboard_request_seconds"].type == "histogram"
    assert families["nv_inference_count"].type == "unknown"
    (info,) = families["leeboard_build_info"].samples
    assert info.labels["version"] == __version__
    assert {"python", "nghttp2", "openssl"} <= set(info.labels)
    (began,) = families["leeboard_start_time_seconds"].samples
    (process,) = families["process_start_time_seconds"].samples
    assert 0 <= began.value - process.value < 120
    assert families["process_open_fds"].samples[0].value > 0
    assert 0 <= families["nv_cpu_utilization"].samples[0].value <= 1


@pytest.fixture
def waiting(tmp_path: Path) -> Iterator[tuple[RunningServer, Path]]:
    """A server whose only model loads once a file exists."""
    gate, version = tmp_path / "gate", tmp_path / "models" / "late" / "1"
    version.mkdir(parents=True)
    (version / "model.py").write_text(WAITS.format(sleep="sleep"))
    declared = DECLARED.format(gate=gate)
    (version.parent / "leeboard.yaml").write_text(declared)
    explicit = ("--model-control-mode", "explicit")
    with RunningServer(tmp_path / "models", *explicit) as server:
        yield server, gate
        gate.touch()


def test_a_scrape_is_answered_while_a_model_loads(
    waiting: tuple[RunningServer, Path],
) -> None:
    server, gate = waiting
    loaded = threading.Event()

    def load() -> None:
        with triton.InferenceServerClient(server.grpc) as client:
            client.load_model("late")
        loaded.set()

    thread = threading.Thread(target=load)
    thread.start()
    wait_until(lambda: bool(server.worker_pids()), "its worker has started")
    for accept in ("*/*", OPENMETRICS):
        assert "leeboard_server_connections" in server.get("/metrics", accept=accept)
    assert not loaded.is_set()
    gate.touch()
    thread.join(60)
    assert server.total("leeboard_ready", model="late") == 1


def test_a_version_that_was_unloaded_ends_its_series(
    waiting: tuple[RunningServer, Path],
) -> None:
    server, gate = waiting
    gate.touch()
    with triton.InferenceServerClient(server.grpc) as client:
        client.load_model("late")
        client.infer("late", tensors(x=rows(1)))
        assert triton_values(server, "late")["nv_inference_count"] == 1
        client.unload_model("late")
    assert triton_values(server, "late") == {}
    assert 'model="late"' not in server.get("/metrics")
