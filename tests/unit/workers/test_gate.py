"""What a model must show before it serves, on real models of each kind and on bad ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from runtime.backends.declared import Declared, Fill, Sample, SampleTensor
from runtime.backends.plan import LoadPlan
from runtime.backends.report import LoadReport
from runtime.errors import ConfigError, ModelError
from runtime.testing import models
from runtime.workers.gate import Gate

OFF = {"cache": "off"}
GOLDEN_NAMES = (("input", "x"), ("output", "y"))


def plan(path: Path, size: int = 64) -> LoadPlan:
    return LoadPlan(path, max_batch_size=size, options=OFF)


def passed(what: LoadPlan) -> LoadReport:
    """Return the report of a model that serves."""
    backend, report = Gate(what).open()
    backend.close()
    return report


def steps(report: LoadReport) -> list[str]:
    return [step.name for step in report.steps]


def test_an_ordinary_model_passes_all_steps(tmp_path: Path) -> None:
    heard: list[str] = []
    backend, report = Gate(plan(models.save_mlp(tmp_path / "m.onnx")), heard.append).open()
    backend.close()
    assert (report.batchable, report.warmed, report.notes) == (True, True, ())
    assert report.run_us > 0
    assert steps(report) == heard == [
        "file", "open", "signature", "inputs", "run", "batch", "parity", "sizes"
    ]  # fmt: skip
    assert len(report.digest) == 64
    assert report.file_bytes == (tmp_path / "m.onnx").stat().st_size
    assert report.memory_bytes >= 0  # This process may have had it already.
    assert [rows for rows, _ in report.times_us][:3] == [1, 2, 4]


@pytest.mark.parametrize(
    "datatype", ["BOOL", "UINT8", "INT64", "FP16", "BF16", "FP32", "FP64", "BYTES"]
)
def test_every_kind_of_values_can_be_proved(tmp_path: Path, datatype: str) -> None:
    path = models.save_identity(tmp_path / "m.onnx", datatype, ["N", 3])
    assert passed(plan(path)).batchable


@pytest.mark.parametrize("datatype", ["BYTES", "INT64", "FP32"])
def test_rows_need_no_dims_of_their_own(tmp_path: Path, datatype: str) -> None:
    path = models.save_identity(tmp_path / "m.onnx", datatype, ["N"])
    x: Any = [b"a", b"b\0"] if datatype == "BYTES" else [1, 2]
    arrays = {f"{way}:{name}": np.array(x, object) for way, name in GOLDEN_NAMES}
    if datatype != "BYTES":
        kind = {"INT64": np.int64, "FP32": np.float32}[datatype]
        arrays = {name: values.astype(kind) for name, values in arrays.items()}
        golden = save(tmp_path / "g.npz", **arrays)
        assert steps(passed(replace(plan(path), golden=golden)))[-2] == "golden"
    assert passed(plan(path)).batchable


def test_a_model_with_free_rows_is_warmed_when_it_shall_not_batch(tmp_path: Path) -> None:
    report = passed(plan(models.save_mlp(tmp_path / "m.onnx"), 0))
    assert (report.batchable, report.warmed, report.notes) == (False, True, ())
    assert "batch" not in steps(report)


def test_a_model_that_mixes_rows_must_not_batch(tmp_path: Path) -> None:
    path = models.save_mean_over_batch(tmp_path / "m.onnx")
    report = passed(plan(path))
    assert not report.batchable
    assert "output 'y' has values off by" in report.notes[0]
    assert "when other rows of its batch change" in report.notes[0]
    with pytest.raises(ModelError, match=r"^batch: .*; set max_batch_size: 0$"):
        passed(replace(plan(path), must_batch=True))


def test_a_model_whose_answer_is_no_rows_must_not_batch(tmp_path: Path) -> None:
    report = passed(plan(models.save_flattened(tmp_path / "m.onnx")))
    assert not report.batchable
    assert "came as (12, 1) for a batch of 3" in report.notes[0]
    assert report.warmed


def test_a_model_whose_answer_depends_on_data_must_not_batch(tmp_path: Path) -> None:
    assert not passed(plan(models.save_positive_only(tmp_path / "m.onnx"))).batchable


def test_a_fixed_batch_is_warmed_and_does_not_batch(tmp_path: Path) -> None:
    report = passed(plan(models.save_identity(tmp_path / "m.onnx", "FP32", [1, 3])))
    assert (report.batchable, report.warmed) == (False, True)
    assert "first dimension is not free" in report.notes[0]


def test_free_dims_leave_a_model_unwarmed_and_say_how_to_help(tmp_path: Path) -> None:
    path = models.save_identity(tmp_path / "m.onnx", "FP32", ["N", 3, "width"])
    report = passed(plan(path))
    assert (report.batchable, report.warmed, report.run_us) == (False, False, 0)
    assert "x [-1, 3, -1]" in report.notes[0]
    assert "--warmup FILE.npz" in report.notes[0]


def save(path: Path, **arrays: Any) -> Path:
    np.savez(path, **arrays)
    return path


def test_a_warmup_proves_what_could_not_be_guessed(tmp_path: Path) -> None:
    path = models.save_identity(tmp_path / "m.onnx", "FP32", ["N", 3, "width"])
    warmup = save(tmp_path / "w.npz", x=np.arange(15, dtype=np.float32).reshape(1, 3, 5))
    assert passed(replace(plan(path), warmup=warmup)).batchable


def test_one_row_of_warmup_is_enough_to_see_rows_mix(tmp_path: Path) -> None:
    path = models.save_mean_over_batch(tmp_path / "m.onnx")
    warmup = save(tmp_path / "w.npz", x=np.array([[1, 5, 2, 8]], np.float32))
    assert not passed(replace(plan(path), warmup=warmup)).batchable


def test_samples_warm_and_give_the_dims_that_could_not_be_guessed(tmp_path: Path) -> None:
    path = models.save_identity(tmp_path / "m.onnx", "FP32", ["N", 3, "width"])
    raw = tmp_path / "x.bin"
    raw.write_bytes(np.ones((3, 5), "<f4").tobytes())
    samples = tuple(
        Sample(fill.value, 2, (SampleTensor("x", "FP32", (3, 5), fill, raw),), count=2)
        for fill in Fill
    )
    report = passed(replace(plan(path), samples=samples))
    assert report.batchable
    run = next(step for step in report.steps if step.name == "run")
    assert (
        run.found
        == "one row, finite; warm-up zero x 2; warm-up random x 2; warm-up file x 2"
    )


@pytest.mark.parametrize(
    ("tensor", "words"),
    [
        (SampleTensor("z", "FP32", (3,), Fill.ZERO), "the model has no input 'z'"),
        (SampleTensor("x", "FP64", (3,), Fill.ZERO), "the model expects FP32 [-1, 3]"),
        (SampleTensor("x", "FP32", (3,), Fill.FILE, Path("nowhere")), "cannot be read"),
    ],
)
def test_a_sample_that_does_not_fit_is_refused(
    tmp_path: Path, tensor: SampleTensor, words: str
) -> None:
    path = models.save_identity(tmp_path / "m.onnx", "FP32", ["N", 3])
    with pytest.raises(ConfigError, match=r"^inputs: warm-up") as caught:
        passed(replace(plan(path), samples=(Sample("s", 1, (tensor,)),)))
    assert words in str(caught.value)


def test_a_golden_pair_must_come_out(tmp_path: Path) -> None:
    path = models.save_identity(tmp_path / "m.onnx", "FP32", ["N", 3])
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    good = save(tmp_path / "good.npz", **{"input:x": x, "output:y": x})
    report = passed(replace(plan(path), golden=good))
    assert steps(report)[-2:] == ["golden", "sizes"]
    off = save(tmp_path / "off.npz", **{"input:x": x, "output:y": x + 0.1})
    with pytest.raises(ModelError, match=r"^golden: row 0 of output 'y' has values off"):
        passed(replace(plan(path), golden=off))
    assert passed(replace(plan(path), golden=off, tolerances={"FP32": 0.5})).warmed


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"x": 0}, "'x' is no tensor of the model"),
        ({"output:y": 0}, "input:x is missing"),
        ({"input:x": 0}, "every output is missing"),
        ({"input:x": 1, "output:y": 2}, "differ in their number of rows"),
    ],
)
def test_a_golden_file_that_does_not_fit_is_refused(
    tmp_path: Path, arrays: dict[str, int], words: str
) -> None:
    path = models.save_identity(tmp_path / "m.onnx", "FP32", ["N", 3])
    golden = save(
        tmp_path / "g.npz",
        **{name: np.zeros((1 + n, 3), np.float32) for name, n in arrays.items()},
    )
    with pytest.raises(ConfigError, match=r"^inputs: ") as caught:
        passed(replace(plan(path), golden=golden))
    assert words in str(caught.value)


def test_an_output_that_is_not_a_number_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"^run: output 'y' is not finite"):
        passed(plan(models.save_not_a_number(tmp_path / "m.onnx")))


def test_made_indices_are_valid_ones(tmp_path: Path) -> None:
    assert passed(plan(models.save_embedding(tmp_path / "m.onnx", entries=2), 8)).batchable


def test_a_model_that_fails_on_one_row_does_not_load(tmp_path: Path) -> None:
    path = models.save_embedding(tmp_path / "m.onnx", entries=2)
    warmup = save(tmp_path / "w.npz", x=np.array([7]))
    with pytest.raises(ModelError, match=r"^run: m\.onnx failed"):
        passed(replace(plan(path, 8), warmup=warmup))


def test_the_file_is_looked_at_first(tmp_path: Path) -> None:
    path = models.save_mlp(tmp_path / "m.onnx")
    digest = passed(plan(path)).digest
    again = replace(plan(path), thorough=False, digest=digest)
    assert steps(passed(again)) == ["file", "open", "signature", "inputs", "run"]
    with pytest.raises(ModelError, match=r"^file: .* is not the file that this version"):
        passed(replace(again, digest="0" * 64))
    path.write_bytes(b"")
    with pytest.raises(ModelError, match=r"^file: .*m\.onnx is empty"):
        passed(plan(path))
    with pytest.raises(ModelError, match=r"^file: .*nowhere.onnx is not a file"):
        passed(plan(tmp_path / "nowhere.onnx"))
    with pytest.raises(ModelError, match=r"^file: .* is not a file"):
        passed(plan(tmp_path))


def test_another_device_is_refused_and_not_replaced(tmp_path: Path) -> None:
    path = models.save_mlp(tmp_path / "m.onnx")
    with pytest.raises(ModelError, match=r"^open: device 'cuda:0': .*set device: cpu"):
        passed(replace(plan(path), device="cuda:0"))


def declared(name: str, *dims: int, datatype: str = "FP32") -> Declared:
    return Declared(name, datatype, dims)


def test_declarations_narrow_what_the_file_says(tmp_path: Path) -> None:
    path = models.save_identity(tmp_path / "m.onnx", "FP32", ["N", 3, "width"])
    narrow = replace(
        plan(path), inputs=(declared("x", 3, 5),), outputs=(declared("y", 3, 5),)
    )
    backend, report = Gate(narrow).open()
    assert report.batchable
    assert [s.shape for s in backend.signature().inputs] == [(-1, 3, 5)]


@pytest.mark.parametrize(
    ("inputs", "outputs", "words"),
    [
        ((declared("z", 3),), (), "input 'z' is declared, but the file has only 'x'"),
        ((declared("x", 4),), (), "input 'x' is declared as [-1, 4], the file has [-1, 3]"),
        ((declared("x", 3, datatype="FP64"),), (), "is declared FP64, the file has FP32"),
        ((), (declared("y", 3, 3),), "output 'y' is declared as [-1, 3, 3]"),
        ((Declared("x", "FP32", (4,), reshape=(3,)),), (), "[4] cannot be reshaped to [3]"),
    ],
)
def test_declarations_that_the_file_denies_are_refused(
    tmp_path: Path, inputs: tuple[Declared], outputs: tuple[Declared], words: str
) -> None:
    path = models.save_identity(tmp_path / "m.onnx", "FP32", ["N", 3])
    with pytest.raises(ModelError, match=r"^signature: ") as caught:
        passed(replace(plan(path), must_batch=True, inputs=inputs, outputs=outputs))
    assert words in str(caught.value)


def test_batches_that_the_file_cannot_have_are_refused(tmp_path: Path) -> None:
    path = models.save_identity(tmp_path / "m.onnx", "FP32", [1, 3])
    with pytest.raises(ModelError, match=r"^signature: max_batch_size is 64, but"):
        passed(replace(plan(path), must_batch=True, inputs=(declared("x", 3),)))
