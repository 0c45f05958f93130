"""What the gate finds of versions that take another's place, good ones and broken ones."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from runtime.backends.base import FREE, Array, Signature, TensorSpec
from runtime.backends.plan import LoadPlan
from runtime.backends.report import LoadReport
from runtime.errors import ModelError
from runtime.testing import models
from runtime.workers.gate import Gate
from runtime.workers.recorded import Request, Seen, Shape

OFF = {"cache": "off"}
X = TensorSpec("x", "FP32", (FREE, 4))
Y = replace(X, name="y")
OLD = Signature("fault", (X,), (Y,), batchable=True)
OLD_FREE = replace(OLD, outputs=(replace(Y, shape=(FREE, FREE)),))


def asked(*values: float, finite: bool = True) -> list[Shape]:
    """Requests that begin with these values, answered with four columns."""
    row = (TensorSpec("x", "FP32", (4,)),)
    seen = (Seen("y", (4,), finite),)
    return [
        Shape(
            row,
            True,
            [
                Request({"x": np.full((1, 4), value, np.float32)}, 1, seen)
                for value in values
            ],
        )
    ]


def passed(
    path: Path,
    old: Signature | None = OLD,
    recorded: list[Shape] | None = None,
    any_signature: bool = False,
) -> LoadReport:
    """Return the report of a successor that serves."""
    plan = LoadPlan(
        path,
        max_batch_size=8,
        options=OFF if path.suffix == ".onnx" else {},
        successor_of=old,
        any_signature=any_signature,
    )
    requests = asked(1, 13) if recorded is None else recorded
    backend, report = Gate(plan, recorded=requests).open()
    backend.close()
    return report


def fault(folder: Path, **about: object) -> Path:
    path = folder / "model.fault"
    path.write_text(json.dumps(about))
    return path


def found(report: LoadReport) -> dict[str, str]:
    return {step.name: step.found for step in report.steps}


def test_a_successor_takes_two_more_steps(tmp_path: Path) -> None:
    report = passed(models.save_identity(tmp_path / "m.onnx"))
    assert list(found(report)) == [
        "file", "open", "signature", "successor", "inputs", "run", "batch", "parity",
        "recorded", "sizes",
    ]  # fmt: skip
    assert found(report)["successor"] == "takes all requests"
    assert found(report)["recorded"] == "2 of 2 requests of 1 shape, batches of 2 rows"
    assert report.notes == ()


def test_without_requests_there_is_one_step_and_a_note(tmp_path: Path) -> None:
    report = passed(models.save_identity(tmp_path / "m.onnx"), recorded=[])
    assert "recorded" not in found(report)
    assert report.notes == ("no requests to the version before it were recorded",)


def test_requests_are_run_where_there_is_no_signature_to_compare(tmp_path: Path) -> None:
    report = passed(models.save_identity(tmp_path / "m.onnx"), old=None)
    assert "successor" not in found(report)
    assert found(report)["recorded"].startswith("2 of 2 requests")


def test_a_model_with_free_dims_is_warmed_with_what_clients_send(tmp_path: Path) -> None:
    path = models.save_identity(tmp_path / "m.onnx", "FP32", ["N", "W"])
    free = TensorSpec("x", "FP32", (FREE, FREE))
    old = Signature("onnx", (free,), (replace(free, name="y"),), batchable=True)
    report = passed(path, old)
    assert (report.warmed, report.batchable, report.notes) == (True, True, ())
    assert found(report)["inputs"] == "of recorded requests"
    # Of requests that were answered with a NaN nothing follows, but they are run.
    report = passed(path, old, asked(1, finite=False))
    assert (report.warmed, report.batchable) == (False, False)
    assert found(report)["recorded"] == "1 of 1 requests of 1 shape"


def test_what_a_person_gave_goes_before_what_was_recorded(tmp_path: Path) -> None:
    path = models.save_identity(tmp_path / "m.onnx", "FP32", ["N", "W"])
    warmup = tmp_path / "w.npz"
    np.savez(warmup, x=np.ones((2, 7), np.float32))
    plan = LoadPlan(path, max_batch_size=8, options=OFF, warmup=warmup)
    backend, report = Gate(plan, recorded=asked(1)).open()
    backend.close()
    assert found(report)["inputs"] == "of w.npz"


def test_an_embedding_is_asked_for_indices_that_clients_use(tmp_path: Path) -> None:
    path = models.save_embedding(tmp_path / "m.onnx", entries=10)
    x: Array = np.array([9, 7], np.int64)
    seen = (Seen("y", (4,), True),)
    shape = Shape((TensorSpec("x", "INT64", ()),), True, [Request({"x": x}, 2, seen)])
    old = Signature("onnx", (TensorSpec("x", "INT64", (FREE,)),), (Y,), batchable=True)
    passed(path, old, [shape])
    smaller = models.save_embedding(tmp_path / "s.onnx", entries=8)
    with pytest.raises(
        ModelError, match=r"request 1 of 1 \(x \[2\]\): the model fails with "
    ):
        passed(smaller, old, [shape])


@pytest.mark.parametrize(
    ("about", "old", "words"),
    [
        (
            {"width": 5},
            OLD,
            "successor: clients would notice: input 'x' is FP32 [-1, 5], and was FP32 [-1, "
            "4]; output 'y' is FP32 [-1, 5], and was FP32 [-1, 4]; publish it under "
            "another name, or allow it with --allow-signature-change",
        ),
        (
            {"free_answer": True},
            OLD,
            "successor: clients would notice: output 'y' is FP32 [-1, -1], and was",
        ),
        ({"always": "not_a_number"}, OLD, "run: output 'y' is not finite"),
        (
            {"deeds": {"13": "not_a_number"}},
            OLD,
            "recorded: recorded request 1 of 2 (x [1, 4]): output 'y' is not finite, and "
            "was of the serving version; correct the model, or allow it with --allow",
        ),
        (
            {"always": "wrong_shape"},
            OLD,
            "run: output 'y' came as (1, 3), declared (-1,",
        ),
        (
            {"always": "wrong_shape", "free_answer": True},
            OLD_FREE,
            "recorded: recorded request 1 of 2 (x [1, 4]): output 'y' has the shape [3], "
            "and of the serving version [4]; correct the model, or allow it with --allow",
        ),
        (
            {"deeds": {"13": "raise"}},
            OLD,
            "recorded: recorded request 1 of 2 (x [1, 4]): the model fails with "
            "ModelError; the log has its words; correct the model",
        ),
        (
            {"deeds": {"13": "out_of_memory"}},
            OLD,
            "the model fails with MemoryError; the log has its words",
        ),
        ({"load": "out_of_memory"}, OLD, "open: MemoryError: told to run out of memory"),
        ({"load": "raise"}, OLD, "open: told to fail"),
    ],
)
def test_a_broken_candidate_is_refused_with_the_reason(
    tmp_path: Path, about: dict[str, object], old: Signature, words: str
) -> None:
    with pytest.raises(ModelError) as caught:
        passed(fault(tmp_path, **about), old)
    assert words in str(caught.value)


@pytest.mark.parametrize("name", ["m.fault", "m.onnx"])
def test_a_corrupt_file_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"\x93corrupt")
    with pytest.raises(ModelError, match=r"^open: .*is no fault model|cannot be opened"):
        passed(tmp_path / name)


def test_of_what_is_allowed_the_differences_are_noted(tmp_path: Path) -> None:
    report = passed(fault(tmp_path, deeds={"13": "not_a_number"}), any_signature=True)
    alone, together = report.notes
    assert alone == (
        "recorded request 1 of 2 (x [1, 4]): output 'y' is not finite, and was of the "
        "serving version"
    )
    assert together.startswith("2 recorded requests in one batch")
    report = passed(fault(tmp_path, deeds={"13": "raise"}), any_signature=True)
    assert report.notes[0].endswith(
        "the model fails with ModelError; the log has its words"
    )
    report = passed(fault(tmp_path, width=5), any_signature=True)
    assert report.notes == (
        "clients may notice: input 'x' is FP32 [-1, 5], and was FP32 [-1, 4]",
        "clients may notice: output 'y' is FP32 [-1, 5], and was FP32 [-1, 4]",
        "2 recorded requests do not fit this version",
        "no requests to the version before it were recorded",
    )
    assert found(report)["successor"] == "2 differences"
