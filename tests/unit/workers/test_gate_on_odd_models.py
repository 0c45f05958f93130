"""Models that write where they must not, do not write where they must, or throw dice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from runtime.backends.base import Inputs, LoadOptions, Outputs, Signature, TensorSpec
from runtime.backends.load_check import run_once
from runtime.backends.report import LoadReport
from runtime.errors import ModelError
from runtime.testing.fake_backend import ONE_TO_ONE, FakeBackend
from runtime.workers import gate
from runtime.workers.gate import Gate
from tests.unit.workers.test_gate import passed, plan, save


class Scribbler(FakeBackend):
    """Adds one to its inputs where they lie."""

    def run(self, inputs: Inputs, outputs: Outputs) -> None:
        inputs["x"][...] += 1
        outputs.write("y", inputs["x"] * 2)


class Forgetful(FakeBackend):
    """Leaves the last column of its output as it was."""

    def run(self, inputs: Inputs, outputs: Outputs) -> None:
        memory = outputs.reserve("y", inputs["x"].shape)
        memory[:, :3] = inputs["x"][:, :3]


class Unsteady(FakeBackend):
    """Never answers the same twice."""

    runs = 0.0

    def run(self, inputs: Inputs, outputs: Outputs) -> None:
        self.runs += 1
        outputs.write("y", inputs["x"] + np.float32(self.runs))


class Broken(FakeBackend):
    """Raises what no backend should."""

    def load(self, path: Path, options: LoadOptions) -> None:
        raise KeyError("weights")


@pytest.fixture
def led(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., LoadReport]:
    """Lead a fake backend through the gate."""
    path = tmp_path / "m.fake"
    path.write_text("something")

    def lead(backend: FakeBackend, size: int = 0, **changes: Any) -> LoadReport:
        monkeypatch.setattr(gate, "backend_for", lambda path, name: backend)
        return passed(replace(plan(path, size), **changes))

    return lead


def test_a_model_that_writes_to_its_inputs_gets_copies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "m.fake"
    path.write_text("something")
    monkeypatch.setattr(gate, "backend_for", lambda path, name: Scribbler())
    backend, report = Gate(plan(path, 8)).open()
    assert report.notes == ("the model writes to its input 'x', a copy",)
    assert report.batchable
    x = np.zeros((1, 4), np.float32)
    assert run_once(backend, {"x": x}, 1)["y"].tolist() == [[2, 2, 2, 2]]
    assert not x.any()


def test_an_output_that_is_not_all_written_is_found(led: Callable[..., LoadReport]) -> None:
    with pytest.raises(ModelError, match=r"^parity: .* leaves a part of it unwritten"):
        led(Forgetful())


def test_a_random_model_must_say_so(led: Callable[..., LoadReport]) -> None:
    with pytest.raises(ModelError, match=r"^parity: .* same input is run again"):
        led(Unsteady())
    assert led(Unsteady(), tolerances={"FP32": float("inf")}).warmed


def test_an_unexpected_error_is_the_reason(led: Callable[..., LoadReport]) -> None:
    with pytest.raises(ModelError, match=r"^open: KeyError: 'weights'$"):
        led(Broken())


def test_optional_inputs_may_be_missing_in_given_ones(
    led: Callable[..., LoadReport], tmp_path: Path
) -> None:
    x = TensorSpec("x", "FP32", (-1, 4))
    bias = TensorSpec("bias", "FP32", (-1, 4), optional=True)
    signature = Signature("fake", (x, bias), ONE_TO_ONE.outputs, batchable=True)
    backend = FakeBackend(signature)
    warmup = save(tmp_path / "w.npz", x=np.ones((3, 4), np.float32))
    assert led(backend, 8, warmup=warmup).batchable
    assert all(set(seen) == {"x"} for seen in backend.seen)


def narrow(most: int | None) -> Signature:
    return replace(ONE_TO_ONE, max_rows=most)


def test_batches_grow_no_larger_than_the_file_takes(led: Callable[..., LoadReport]) -> None:
    backend = FakeBackend(narrow(5))
    report = led(backend, 64, measured=True)
    assert report.batchable
    assert report.max_rows == 5
    assert max(len(seen["x"]) for seen in backend.seen) == 5


def test_larger_batches_than_the_file_takes_are_refused(
    led: Callable[..., LoadReport],
) -> None:
    with pytest.raises(ModelError, match=r"^signature: max_batch_size is 64, .* takes 5 "):
        led(FakeBackend(narrow(5)), 64, must_batch=True)
    assert led(FakeBackend(narrow(5)), 5, must_batch=True).max_rows == 5


class Counting(FakeBackend):
    """Adds to each row its place in the batch."""

    def run(self, inputs: Inputs, outputs: Outputs) -> None:
        x = inputs["x"]
        places = np.arange(len(x), dtype=np.float32)
        outputs.write("y", x * 2 + places[:, None])


def test_a_row_must_not_know_its_place(led: Callable[..., LoadReport]) -> None:
    report = led(Counting(), 8)
    assert not report.batchable
    assert "when it stands elsewhere in its batch" in report.notes[0]
