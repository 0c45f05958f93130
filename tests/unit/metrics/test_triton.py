"""Triton's names: each counts what Triton counts."""

from __future__ import annotations

import pytest

from runtime.metrics.exposition import NAMED_COUNTER, Family
from runtime.metrics.families import VersionCounters
from runtime.metrics.triton import (
    COUNTS,
    DURATIONS,
    REASONS,
    machine_families,
    triton_families,
)
from runtime.models.queueing import QueueOptions
from runtime.native.served import Served

WHO = '{model="mlp",version="3"}'
MLP = VersionCounters(
    "mlp", "3", True,
    {
        "requests_ok": 5, "rows": 40, "batches": 4, "queued": 2,
        "failed_rejected": 1, "failed_timeout": 2, "failed_deadline": 4,
        "failed_cancelled": 8, "failed_model_error": 16, "failed_worker_lost": 32,
        "failed_invalid": 64, "failed_unavailable": 128,
        "queue_ns": 1_999, "input_ns": 2_000, "infer_ns": 3_000_000, "output_ns": 0,
    },
    {"total": (1, 0, 5_500_500)},
    load_s=1.25,
)  # fmt: skip


def values(family: Family) -> dict[str, float]:
    return {sample.labels: sample.value for sample in family.samples}


def by_name() -> dict[str, Family]:
    return {family.name: family for family in triton_families([MLP])}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("nv_inference_request_success", 5),
        ("nv_inference_count", 40),
        ("nv_inference_exec_count", 4),
        ("nv_inference_pending_request_count", 2),
        ("nv_inference_request_duration_us", 5_500),
        ("nv_inference_queue_duration_us", 1),
        ("nv_inference_compute_input_duration_us", 2),
        ("nv_inference_compute_infer_duration_us", 3_000),
        ("nv_inference_compute_output_duration_us", 0),
        ("nv_model_load_duration_secs", 1.25),
    ],
)
def test_a_version_has_tritons_numbers(name: str, value: float) -> None:
    assert values(by_name()[name]) == {WHO: value}


def test_failures_have_tritons_reasons() -> None:
    assert values(by_name()["nv_inference_request_failure"]) == {
        '{model="mlp",version="3",reason="REJECTED"}': 7,
        '{model="mlp",version="3",reason="CANCELED"}': 8,
        '{model="mlp",version="3",reason="BACKEND"}': 48,
        '{model="mlp",version="3",reason="OTHER"}': 192,
    }


def test_what_grows_is_a_counter_without_a_suffix() -> None:
    gauges = {"nv_inference_pending_request_count", "nv_model_load_duration_secs"}
    kinds = {name: family.kind for name, family in by_name().items()}
    assert {n for n, kind in kinds.items() if kind != NAMED_COUNTER} == gauges


def test_every_failure_of_the_data_plane_has_one_reason() -> None:
    served = Served(QueueOptions("m", "1", 1, 1, 0, 1, 0.0, 1 << 20, [], []))
    counted = {name.decode() for name in served.counts()}
    named = [key for keys in REASONS.values() for key in keys]
    assert sorted(named) == sorted(n for n in counted if n.startswith("failed_"))
    assert {key for key, _ in (*COUNTS.values(), *DURATIONS.values())} <= counted


def test_the_machine_is_told_as_far_as_it_is_known() -> None:
    use = {"nv_cpu_utilization": 0.25, "nv_cpu_memory_total_bytes": 8.0}
    assert {f.name: values(f) for f in machine_families(use)} == {
        name: {"": value} for name, value in use.items()
    }
