"""Exported programs: their signature, declarations, the sizes they take, their state."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from runtime.backends.base import FREE, UNSTATED, LoadOptions, TensorSpec
from runtime.backends.memory import Shelf
from runtime.backends.torch_export import export_backend
from runtime.backends.torch_script import script_backend
from runtime.backends.torch_writes import writes_to_inputs
from runtime.errors import ModelError
from runtime.testing import torch_models
from tests.unit.backends.torch_calls import X4, Y4, ask, loaded


def exported(
    path: Path, function: Callable[..., Any], *examples: torch.Tensor, **how: Any
) -> Path:
    """Export a function of one tensor."""
    made = examples or (torch.ones(2, 4),)
    return torch_models.save_export(path, torch_models.make_module(function), made, **how)


class Two(torch.nn.Module):
    """Two inputs of one length, two outputs."""

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"sum": (ids * mask).sum(1), "both": ids + mask}


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A program of `Two`: at most 16 rows, any length up to 32."""
    path = tmp_path_factory.mktemp("two") / "two.pt2"
    rows, length = torch.export.Dim("rows", max=16), torch.export.Dim("length", max=32)
    shapes = ({0: rows, 1: length}, {0: rows, 1: length})
    example = torch.ones(2, 8)
    program = torch.export.export(
        Two().eval(), (example, example.clone()), dynamic_shapes=shapes
    )
    torch.export.save(program, path)
    return path


def test_a_program_says_its_own_signature(two: Path) -> None:
    signature = loaded(export_backend, two).signature()
    assert signature.inputs == (
        TensorSpec("ids", "FP32", (FREE, FREE)),
        TensorSpec("mask", "FP32", (FREE, FREE)),
    )
    assert signature.outputs == (
        TensorSpec("OUTPUT__0", "FP32", (FREE,)),
        TensorSpec("OUTPUT__1", "FP32", (FREE, FREE)),
    )
    assert (signature.batchable, signature.max_rows) == (True, 16)


def test_declared_names_stand_for_the_files_and_narrow_its_shapes(two: Path) -> None:
    options = LoadOptions(
        inputs=(
            TensorSpec("INPUT__1", "FP32", (FREE, 8)),
            TensorSpec("ids", "", (FREE, FREE)),
        ),
        outputs=(
            TensorSpec("OUTPUT__1", "FP32", (FREE, 8)),
            TensorSpec("total__0", "FP32", (FREE,)),
        ),
    )
    backend = loaded(export_backend, two, options)
    signature = backend.signature()
    assert [s.name for s in signature.inputs] == ["ids", "INPUT__1"]
    assert signature.inputs[1].shape == (FREE, 8)
    assert [s.name for s in signature.outputs] == ["total__0", "OUTPUT__1"]
    ones = np.ones((3, 8), np.float32)
    answers = ask(backend, ids=ones * 2, INPUT__1=ones)
    assert answers["total__0"].tolist() == [16.0] * 3
    assert answers["OUTPUT__1"][0, 0] == 3.0


def test_outputs_may_be_named_in_their_order(two: Path) -> None:
    options = LoadOptions(
        outputs=(
            TensorSpec("total", "FP32", (FREE,)),
            TensorSpec("scaled", "", UNSTATED),
        )
    )
    backend = loaded(export_backend, two, options)
    assert [s.name for s in backend.signature().outputs] == ["total", "scaled"]
    ones = np.ones((3, 8), np.float32)
    assert ask(backend, ids=ones * 2, mask=ones)["total"].tolist() == [16.0] * 3


IDS = TensorSpec("ids", "FP32", (FREE, FREE))


@pytest.mark.parametrize(
    ("inputs", "why"),
    [
        ((IDS,), r"input 'mask' of the model is not declared"),
        (
            (IDS, TensorSpec("INPUT__2", "FP32", (FREE, 8))),
            r"input 'INPUT__2' is none of the model's, which are ids, mask",
        ),
        ((IDS, TensorSpec("INPUT__0", "FP32", (FREE, 8))), "'ids' is declared twice"),
        (
            (IDS, TensorSpec("mask", "INT64", (FREE, 8))),
            r"'mask' is declared INT64 \[-1, 8\], the file has FP32",
        ),
        ((IDS, TensorSpec("mask", "FP32", (FREE,))), r"'mask' is declared FP32 \[-1\]"),
        (
            (IDS, TensorSpec("mask", "FP32", (FREE, 8), optional=True)),
            "'mask' is declared optional",
        ),
    ],
)
def test_a_declaration_that_does_not_fit_a_program_is_refused(
    inputs: tuple[TensorSpec, ...], why: str, two: Path
) -> None:
    with pytest.raises(ModelError, match=rf"two\.pt2: .*{why}"):
        loaded(export_backend, two, LoadOptions(inputs=inputs))


@pytest.mark.parametrize(
    ("ids", "mask", "why"),
    [
        ((17, 8), (17, 8), r"input 'ids' has shape \[17, 8\]; dimension 0 must be 0 to 16"),
        ((2, 33), (2, 33), r"dimension 1 must be 0 to 32"),
        ((2, 8), (2, 9), r"input 'mask' has shape \[2, 9\]; dimension 1 must be 8"),
        ((2, 8), (2,), r"input 'mask' has shape \[2\]; must have 2 dimensions"),
    ],
)
def test_sizes_that_a_program_was_not_exported_for_are_refused(
    ids: tuple[int, ...], mask: tuple[int, ...], why: str, two: Path
) -> None:
    backend = loaded(export_backend, two)
    arrays = {
        "ids": np.ones(ids, np.float32),
        "mask": np.ones(mask, np.float32),
    }
    with pytest.raises(ModelError, match=why):
        ask(backend, ids=arrays["ids"], mask=arrays["mask"])


def test_a_guard_of_a_program_is_kept(tmp_path: Path) -> None:
    def odd_at_seven(x: torch.Tensor) -> torch.Tensor:
        return x * 2 if x.shape[0] == 7 else x

    module = torch_models.make_module(odd_at_seven)
    shapes = ({0: torch.export.Dim.AUTO},)
    program = torch.export.export(module, (torch.ones(3, 4),), dynamic_shapes=shapes)
    path = tmp_path / "model.pt2"
    torch.export.save(program, path)
    backend = loaded(export_backend, path)
    assert ask(backend, x=np.ones((6, 4), np.float32))["OUTPUT__0"][0, 0] == 1.0
    with pytest.raises(ModelError, match=r"exported for inputs where .*size\(\)\[0\] != 7"):
        ask(backend, x=np.ones((7, 4), np.float32))


def test_a_program_that_writes_to_its_input_gets_a_copy(tmp_path: Path) -> None:
    path = exported(tmp_path / "model.pt2", lambda x: x.mul_(2) + 1)
    x = np.ones((3, 4), np.float32)
    assert ask(loaded(export_backend, path), x=x)["OUTPUT__0"][0, 0] == 3.0
    assert x[0, 0] == 1.0


@pytest.mark.parametrize(
    ("function", "writes"),
    [
        (lambda x: x.mul_(2), True),
        (lambda x: x.view(-1, 2, 2)[:, 0].add_(1), True),
        (lambda x: torch.nn.functional.dropout(x, training=False).mul_(2), True),
        (lambda x: torch.stack([x, x]).mul_(2)[0] + x.copy_(x * 2), True),
        (lambda x: torch.nn.functional.relu(x * 2, inplace=True), False),
        (lambda x: (x + 1).mul_(x), False),
        (lambda x: torch.zeros(4).add_(x[0]) + x, False),
    ],
)
def test_only_programs_that_write_to_their_input_are_given_copies(
    function: Callable[[torch.Tensor], torch.Tensor], writes: bool
) -> None:
    program = torch.export.export(
        torch_models.make_module(function), (torch.ones(2, 4),), strict=False
    )
    assert writes_to_inputs(program.graph, {"x"}) == writes


@pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")  # Exporting does that.
def test_a_program_that_remembers_goes_on_remembering(tmp_path: Path) -> None:
    class Counts(torch.nn.Module):
        seen: torch.Tensor

        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("seen", torch.zeros(()))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.seen.add_(1)
            return x + self.seen

    program = torch.export.export(Counts().eval(), (torch.zeros(2, 4),))
    path = tmp_path / "model.pt2"
    torch.export.save(program.run_decompositions({}), path)
    backend = loaded(export_backend, path)
    answers = [ask(backend, x=np.zeros((2, 4), np.float32)) for _ in range(3)]
    assert [answer["OUTPUT__0"][0, 0] for answer in answers] == [1.0, 2.0, 3.0]


def test_weights_that_are_not_finite_are_named(tmp_path: Path) -> None:
    module = torch_models.make_mlp((4, 4))
    with torch.no_grad():
        module.get_parameter("layers.0.weight")[0, 0] = torch.nan
    path = torch_models.save_export(tmp_path / "model.pt2", module, [torch.zeros(2, 4)])
    with pytest.raises(ModelError, match=r"model\.pt2: weight 'layers.0.weight' has 1 val"):
        loaded(export_backend, path)
    traced = torch_models.save_script(tmp_path / "m.pt", module, [torch.zeros(2, 4)])
    with pytest.raises(ModelError, match=r"m\.pt: weight 'layers.0.weight' has 1 values"):
        loaded(script_backend, traced, LoadOptions(inputs=(X4,), outputs=(Y4,)))


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (LoadOptions(device="cuda"), "'cuda' cannot be used"),
        (LoadOptions(extra={"speed": "9"}), "torch backend has no option 'speed'"),
        (LoadOptions(extra={"dtype": "int4"}), "'dtype' is 'int4'; it must be one of"),
        (LoadOptions(extra={"memory_format": "nhwc"}), "'memory_format' is 'nhwc'"),
    ],
)
def test_options_that_cannot_be_had_are_refused(
    options: LoadOptions, why: str, two: Path
) -> None:
    with pytest.raises(ModelError, match=why):
        loaded(export_backend, two, options)
    assert not torch.is_inference_mode_enabled()


def test_a_program_runs_lowered_and_answers_as_declared(tmp_path: Path) -> None:
    module = torch_models.make_mlp()
    path = torch_models.save_export(tmp_path / "m.pt2", module, [torch.zeros(2, 32)])
    x = np.random.default_rng(0).uniform(-1, 1, (5, 32)).astype(np.float32)
    whole = ask(loaded(export_backend, path), x=x)["OUTPUT__0"]
    options = LoadOptions(extra={"dtype": "bfloat16"})
    lowered = ask(loaded(export_backend, path, options), x=x)["OUTPUT__0"]
    assert lowered.dtype == np.float32
    assert not np.array_equal(whole, lowered)
    np.testing.assert_allclose(whole, lowered, atol=0.02)
    with torch.no_grad():
        np.testing.assert_array_equal(whole, module(torch.from_numpy(x)).numpy())


def test_memory_that_comes_again_is_read_again_and_written_again(two: Path) -> None:
    backend = loaded(export_backend, two)
    ids, mask = np.ones((2, 8), np.float32), np.ones((2, 8), np.float32)
    shelf: Shelf = {}
    for factor in (1.0, 2.0, 3.0):
        ids[:] = factor
        answers = ask(backend, shelf, "place", ids=ids, mask=mask)
        assert answers["OUTPUT__0"].tolist() == [8 * factor] * 2
