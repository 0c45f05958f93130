"""Faults under load: what is counted and written, without a server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from benchmarks.faults import (
    FAULTS,
    GUILTY,
    Fault,
    Outcome,
    Seen,
    guilty_message,
    poisoned,
    table,
)
from benchmarks.members import Began, read_began
from runtime.backends.base import LoadOptions
from runtime.messages import ModelInferRequest
from runtime.testing.fault_model import FaultModel

LOG = """\
2026-11-23 10:00:00,000 INFO mlp/1#0 is ready after 0.139 s (worker 41)
2026-11-23 10:00:00,001 INFO ready after 0.14 s
2026-11-23 10:00:01,000 WARNING mlp/1#0 ended (SIGKILL); its batches run again elsewhere
2026-11-23 10:00:01,015 INFO mlp/1#0 is ready after 0.015 s (worker 57)
"""


def seen(gap_ms: float, failed: int = 0, told: str = "INTERNAL") -> Seen:
    return Seen(1000, failed, 0, gap_ms, told, 40.0, [{"after_s": 0.1}], {})


def test_the_log_names_each_worker_and_how_long_it_took() -> None:
    assert read_began(LOG) == [Began(41, 0.139), Began(57, 0.015)]


def test_a_log_without_workers_names_none() -> None:
    assert read_began("INFO ready after 0.14 s\n") == []


def test_an_outcome_sums_what_was_lost_and_takes_the_median_wait() -> None:
    outcome = Outcome(FAULTS[0], [seen(30.0), seen(90.0, failed=2), seen(10.0)])
    row = outcome.as_json()
    assert (row["requests"], row["failed"], row["gap_ms"]) == (3000, 2, 30.0)
    assert len(row["repeats"]) == 3


def test_everything_that_the_guilty_client_was_told_is_kept_once() -> None:
    repeats = [seen(1.0), seen(1.0, told="UNAVAILABLE"), seen(1.0)]
    assert Outcome(FAULTS[0], repeats).as_json()["told"] == ["INTERNAL", "UNAVAILABLE"]


def test_a_fault_from_outside_has_nobody_to_tell() -> None:
    row = Outcome(FAULTS[1], [seen(1.0, told="")]).as_json()
    assert row["told"] == []
    assert " - |" in table([row]).splitlines()[-1]


def test_every_fault_happens_from_outside_or_by_a_row_and_has_a_name_of_its_own() -> None:
    assert all((fault.act is None) == bool(fault.deed) for fault in FAULTS)
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)


@pytest.fixture
def model(tmp_path: Path) -> Iterator[tuple[Path, FaultModel]]:
    case = poisoned(Fault("raise", "it raises", deed="raise"), tmp_path)
    model = FaultModel()
    model.load(case.path, LoadOptions())
    yield tmp_path, model
    model.close()


def test_innocent_rows_are_distinct_and_none_of_them_is_the_guilty_one(
    model: tuple[Path, FaultModel],
) -> None:
    rows = np.load(model[0] / "fault.data.npz")["x"]
    assert len(np.unique(rows[:, 0])) == len(rows)
    assert GUILTY not in rows[:, 0]


def test_the_guilty_message_is_one_row_of_the_guilty_value() -> None:
    request = ModelInferRequest.FromString(guilty_message("some"))
    values = np.frombuffer(request.raw_input_contents[0], np.float32)
    assert (request.model_name, list(request.inputs[0].shape)) == ("some", [1, len(values)])
    assert set(values) == {np.float32(GUILTY)}
