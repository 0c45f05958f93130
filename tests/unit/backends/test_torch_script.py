"""TorchScript: arguments, results, and what is refused."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from runtime.backends.base import FREE, LoadOptions, TensorSpec
from runtime.backends.torch_export import export_backend
from runtime.backends.torch_module import module_backend
from runtime.backends.torch_run import TorchBackend
from runtime.backends.torch_script import script_backend
from runtime.errors import ModelError
from runtime.testing import torch_models
from tests.unit.backends.torch_calls import X4, Y4, ask, loaded


@pytest.mark.parametrize(
    ("suffix", "made"),
    [
        (".pt2", export_backend),
        (".pt", script_backend),
        (".safetensors", module_backend),
    ],
)
@pytest.mark.parametrize("legacy", [False, True])
def test_a_pickle_is_refused_with_what_to_do_instead(
    suffix: str, made: Callable[[], TorchBackend], legacy: bool, tmp_path: Path
) -> None:
    path = tmp_path / f"model{suffix}"
    weights = torch_models.make_mlp((4, 4)).state_dict()
    torch.save(weights, path, _use_new_zipfile_serialization=not legacy)
    says = "is a pickle, .* export the model with torch.export.save.* safetensors"
    if suffix == ".safetensors" and not legacy:
        says = "is not a whole safetensors file"
    with pytest.raises(ModelError, match=rf"model{suffix} {says}"):
        loaded(made, path, LoadOptions(inputs=(X4,), outputs=(Y4,)))


class AsksTooMuch(torch.nn.Module):
    """Wants more memory than there is."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.repeat(1 << 42, 1)


class MapsAFile(torch.nn.Module):
    """Maps a file into memory, and makes it where there is none."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.from_file("mapped-by-a-script", True, 4) + x


def test_text_is_refused(tmp_path: Path) -> None:
    module = torch_models.make_mlp((4, 4))
    path = torch_models.save_script(tmp_path / "m.pt", module, [torch.zeros(2, 4)])
    text = TensorSpec("x", "BYTES", (FREE, 4))
    with pytest.raises(ModelError, match=r"m\.pt: tensor 'x' is BYTES; PyTorch models"):
        loaded(script_backend, path, LoadOptions(inputs=(text,), outputs=(Y4,)))


def test_a_models_error_is_one_line_and_memory_is_told_apart(tmp_path: Path) -> None:
    def looks_up(x: torch.Tensor) -> torch.Tensor:
        return torch.ones(4, 3)[x]

    module = torch_models.make_module(looks_up)
    path = torch_models.save_script(tmp_path / "m.pt", module, [torch.ones(2).long()])
    options = LoadOptions(
        inputs=(TensorSpec("x", "INT64", (FREE,)),),
        outputs=(TensorSpec("y", "FP32", (FREE, 3)),),
    )
    backend = loaded(script_backend, path, options)
    with pytest.raises(ModelError, match=r"m\.pt failed: .*out of bounds") as caught:
        ask(backend, x=np.array([9]))
    assert "\n" not in str(caught.value)

    huge = torch_models.save_script(tmp_path / "h.pt", AsksTooMuch())
    backend = loaded(script_backend, huge, LoadOptions(inputs=(X4,), outputs=(Y4,)))
    with pytest.raises(MemoryError):
        ask(backend, x=np.ones((1, 4), np.float32))


class Takes(torch.nn.Module):
    """Takes a tensor, a number, and a tensor that may be missing."""

    def forward(
        self, x: torch.Tensor, rate: int, shift: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        shifted = x if shift is None else x + shift
        return shifted * rate, x


def test_a_scripts_arguments_are_found_numbers_and_absent_ones_included(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = torch_models.save_script(tmp_path / "m.pt", Takes())
    options = LoadOptions(
        inputs=(
            TensorSpec("INPUT__2", "FP32", (4,), optional=True),
            TensorSpec("rate", "INT64", ()),
            TensorSpec("x", "FP32", (FREE, 4)),
        ),
        outputs=(
            TensorSpec("OUTPUT__1", "FP32", (FREE, 4)),
            TensorSpec("OUTPUT__0", "FP32", (FREE, 4)),
        ),
    )
    with caplog.at_level(logging.WARNING):
        backend = loaded(script_backend, path, options)
    assert [m for m in caplog.messages if "deprecated" in m] == [
        f"{path} is TorchScript, which PyTorch has deprecated; export it with "
        "torch.export.save when you can"
    ]
    assert [s.name for s in backend.signature().inputs] == ["x", "rate", "INPUT__2"]
    assert not backend.signature().batchable
    x, rate = np.ones((2, 4), np.float32), np.array(3)
    assert ask(backend, x=x, rate=rate)["OUTPUT__0"][0, 0] == 3.0
    shift = np.ones(4, np.float32)
    answers = ask(backend, x=x, rate=rate, INPUT__2=shift)
    assert (answers["OUTPUT__0"][0, 0], answers["OUTPUT__1"][0, 0]) == (6.0, 1.0)


@pytest.mark.parametrize(
    ("inputs", "outputs", "why"),
    [
        ((), (Y4,), "TorchScript does not say which tensors it takes"),
        ((X4,), (), "TorchScript does not say which tensors it takes"),
        ((X4,), (Y4,), "argument 'rate' is not declared; .* or INPUT__1"),
        ((Y4,), (Y4,), "input 'y' is none of the model's, which are x, rate, shift"),
    ],
)
def test_a_declaration_that_does_not_fit_a_script_is_refused(
    inputs: tuple[TensorSpec, ...],
    outputs: tuple[TensorSpec, ...],
    why: str,
    tmp_path: Path,
) -> None:
    path = torch_models.save_script(tmp_path / "m.pt", Takes())
    with pytest.raises(ModelError, match=rf"m\.pt: .*{why}"):
        loaded(script_backend, path, LoadOptions(inputs=inputs, outputs=outputs))


@pytest.mark.parametrize(
    ("function", "outputs", "why"),
    [
        (lambda x: (x, x), (Y4,), "gave 2 outputs; declared are 1"),
        (lambda x: x.double(), (Y4,), "output 'y' is torch.float64, declared"),
        (lambda x: {"z": x}, (Y4,), "the model gave z; declared outputs are y"),
    ],
)
def test_outputs_that_are_not_as_declared_are_refused(
    function: Callable[..., Any],
    outputs: tuple[TensorSpec, ...],
    why: str,
    tmp_path: Path,
) -> None:
    module = torch_models.make_module(function)
    path = torch_models.save_script(tmp_path / "m.pt", module, [torch.ones(2, 4)])
    options = LoadOptions(inputs=(X4,), outputs=outputs)
    backend = loaded(script_backend, path, options)
    with pytest.raises(ModelError, match=why):
        ask(backend, x=np.ones((2, 4), np.float32))


def test_a_script_that_touches_files_is_refused(tmp_path: Path) -> None:
    path = torch_models.save_script(tmp_path / "m.pt", MapsAFile())
    options = LoadOptions(inputs=(X4,), outputs=(Y4,))
    with pytest.raises(ModelError, match=r"m\.pt calls torch.from_file, which touches"):
        loaded(script_backend, path, options)


def test_another_archive_is_not_taken_for_a_script(tmp_path: Path) -> None:
    module = torch_models.make_mlp((4, 4))
    path = torch_models.save_export(tmp_path / "m.pt2", module, [torch.zeros(2, 4)])
    renamed = path.rename(tmp_path / "m.pt")
    with pytest.raises(ModelError, match=r"m\.pt is not a TorchScript file; .* \.pt2"):
        loaded(script_backend, renamed, LoadOptions(inputs=(X4,), outputs=(Y4,)))
