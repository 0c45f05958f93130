"""What the gate asks of models that give a request any number of responses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from runtime.backends.declared import Declared
from runtime.backends.load_check import MOST_RESPONSES
from runtime.backends.plan import LoadPlan
from runtime.backends.report import LoadReport
from runtime.errors import ConfigError, ModelError
from runtime.testing import models
from runtime.testing.torch_models import save_python
from runtime.workers.gate import Gate

CLASS = """
import numpy as np

class Model:
    asked = 0

    def predict(self, batch):
        self.asked += 1
        x = batch["x"]
        {body}
"""
THREE = "yield from ({'y': x * n} for n in range(3))"
ENDLESS = """
        n = 0
        while True:
            yield {'y': x * n}
            n += 1
"""


def plan(folder: Path, body: str, size: int = 4) -> LoadPlan:
    path = save_python(folder / "model.py", CLASS.format(body=body))
    x, y = (Declared(name, "FP32", (2,)) for name in "xy")
    return LoadPlan(
        path,
        max_batch_size=size,
        inputs=(x,),
        outputs=(y,),
        decoupled=True,
        must_batch=size > 0,
    )


def passed(what: LoadPlan) -> LoadReport:
    backend, report = Gate(what).open()
    assert backend.signature().decoupled
    backend.close()
    return report


def found(report: LoadReport, step: str) -> str:
    return next(one.found for one in report.steps if one.name == step)


@pytest.mark.parametrize("size", [0, 4])
def test_its_steps_are_those_of_other_models_but_for_batches(
    size: int, tmp_path: Path
) -> None:
    report = passed(plan(tmp_path, THREE, size))
    assert [step.name for step in report.steps] == [
        "file", "open", "signature", "inputs", "run", "parity", "sizes"
    ]  # fmt: skip
    assert found(report, "run") == "3 responses; one row, finite"
    assert (report.batchable, report.best_rows) == (size > 0, 0)
    assert report.warmed
    assert report.run_us > 0


def test_one_that_never_ends_is_looked_at_for_a_while(tmp_path: Path) -> None:
    report = passed(plan(tmp_path, ENDLESS))
    assert found(report, "run").startswith(f"the first {MOST_RESPONSES} responses")


def test_one_that_gives_none_may_serve(tmp_path: Path) -> None:
    assert found(passed(plan(tmp_path, "return; yield")), "run").startswith("0 responses")


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("yield {'y': x}; yield {'y': x / np.float32(0)}", "run: output 'y' is not finite"),
        ("yield {'y': x}; raise ValueError('no')", "run: .* predict failed: ValueError"),
        ("return {'y': x}", "run: .* predict returned a dict"),
        (
            "yield {'y': x}; yield {'y': x + np.float32(self.asked)}",
            "parity: .* response 1",
        ),
        ("yield from [{'y': x}] * self.asked", "parity: 3 responses instead of 2"),
    ],
)
def test_what_is_refused_says_the_step(body: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=why), np.errstate(all="ignore"):
        Gate(plan(tmp_path, body)).open()


RANDOM = "yield from [{'y': np.full((self.asked, 2), self.asked, 'f4')}] * self.asked"
RANDOM_TEXT = "yield from [{'y': np.full((1, 2), str(self.asked), object)}] * self.asked"


@pytest.mark.parametrize(("datatype", "body"), [("FP32", RANDOM), ("BYTES", RANDOM_TEXT)])
def test_a_model_that_is_random_on_purpose_may_serve(
    datatype: str, body: str, tmp_path: Path
) -> None:
    what = replace(plan(tmp_path, body), outputs=(Declared("y", datatype, (2,)),))
    with pytest.raises(ModelError, match=r"^parity: "):
        Gate(what).open()
    passed(replace(what, tolerances={datatype: float("inf")}))


def golden(folder: Path, **arrays: Any) -> Path:
    path = folder / "golden.npz"
    arrays["input:x"] = np.full((2, 2), 3, np.float32)
    np.savez(path, **arrays)
    return path


def rows(value: float, count: int = 2) -> np.ndarray:
    return np.full((count, 2), value, np.float32)


@pytest.mark.parametrize("many", [1, 2, 3])
def test_golden_responses_are_the_first_ones(many: int, tmp_path: Path) -> None:
    outputs = {f"output:y[{n}]": rows(3.0 * n) for n in range(many)}
    report = passed(replace(plan(tmp_path, THREE), golden=golden(tmp_path, **outputs)))
    assert found(report, "golden").startswith(f"{many} outputs as in golden.npz")


def test_golden_responses_may_have_other_rows_than_the_request(tmp_path: Path) -> None:
    what = plan(tmp_path, "yield {'y': x[:1]}")
    passed(replace(what, golden=golden(tmp_path, **{"output:y[0]": rows(3.0, 1)})))


@pytest.mark.parametrize(
    ("outputs", "why"),
    [
        ({"output:y[0]": rows(0), "output:y[1]": rows(9)}, "golden: .* in response 1"),
        (
            {f"output:y[{n}]": rows(3.0 * n) for n in range(4)},
            "golden: 3 responses instead of 4",
        ),
    ],
)
def test_golden_responses_must_come_out(
    outputs: dict[str, np.ndarray], why: str, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match=why):
        Gate(replace(plan(tmp_path, THREE), golden=golden(tmp_path, **outputs))).open()


@pytest.mark.parametrize(
    ("outputs", "why"),
    [
        ({}, "every output is missing"),
        ({"output:y": rows(0)}, "'output:y' is no tensor of the model"),
        ({"output:y[1]": rows(0)}, r"'output:y\[1\]' is no tensor of the model"),
    ],
)
def test_golden_responses_have_to_be_called_so(
    outputs: dict[str, np.ndarray], why: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=why):
        Gate(replace(plan(tmp_path, THREE), golden=golden(tmp_path, **outputs))).open()


def test_other_formats_refuse_it_with_the_remedy(tmp_path: Path) -> None:
    path = models.save_mlp(tmp_path / "m.onnx")
    what = LoadPlan(path, max_batch_size=4, decoupled=True, options={"cache": "off"})
    with pytest.raises(ModelError, match=r"open: decoupled: .*; remove decoupled"):
        Gate(what).open()


def test_a_class_that_yields_is_refused_where_nobody_said_so(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"open: .* write decoupled: true"):
        Gate(replace(plan(tmp_path, THREE), decoupled=False)).open()


def test_the_next_worker_only_shows_that_it_can(tmp_path: Path) -> None:
    report = passed(replace(plan(tmp_path, THREE), thorough=False))
    assert [step.name for step in report.steps][-1] == "run"
    assert report.batchable


def test_rows_are_reshaped_in_every_response(tmp_path: Path) -> None:
    what = plan(tmp_path, THREE)
    x = Declared("x", "FP32", (2,), reshape=(1, 2))
    y = Declared("y", "FP32", (2,), reshape=(1, 2))
    report = passed(replace(what, inputs=(x,), outputs=(y,)))
    assert found(report, "run").startswith("3 responses")
