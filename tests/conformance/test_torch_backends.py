"""The PyTorch backends keep the contract of backends, in every format."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from runtime.backends.base import FREE, Backend, LoadOptions, TensorSpec
from runtime.backends.sample import Warmup
from runtime.backends.torch_export import export_backend
from runtime.backends.torch_module import module_backend
from runtime.backends.torch_script import script_backend
from runtime.backends.torch_types import DTYPES
from runtime.testing import torch_models
from runtime.testing.conformance import CHECKS, Case, check_backend

DECLARED = LoadOptions(inputs=torch_models.MLP_INPUTS, outputs=torch_models.MLP_OUTPUTS)
FACTORY = {
    "module": "runtime.testing.torch_models:make_mlp",
    "allowed_modules": "runtime.testing",
}


def export_mlp(folder: Path) -> Case:
    path = folder / "model.pt2"
    torch_models.save_export(path, torch_models.make_mlp(), [torch.zeros(2, 32)])
    return Case(export_backend, path)


def trace_mlp(folder: Path) -> Case:
    path = folder / "model.pt"
    torch_models.save_script(path, torch_models.make_mlp(), [torch.zeros(2, 32)])
    return Case(script_backend, path, DECLARED)


def weights_of_mlp(folder: Path) -> Case:
    path = folder / "model.safetensors"
    torch_models.save_weights(path, torch_models.make_mlp().state_dict())
    options = LoadOptions(inputs=DECLARED.inputs, outputs=DECLARED.outputs, extra=FACTORY)
    return Case(module_backend, path, options)


def lowered_mlp(folder: Path) -> Case:
    case = weights_of_mlp(folder)
    extra = {**FACTORY, "dtype": "bfloat16", "copy_inputs": "on"}
    options = LoadOptions(
        threads=2, inputs=DECLARED.inputs, outputs=DECLARED.outputs, extra=extra
    )
    return Case(case.make_backend, case.path, options)


def export_image(folder: Path) -> Case:
    path = folder / "model.pt2"
    with torch.inference_mode(False), torch.random.fork_rng():
        torch.manual_seed(0)
        convolution = torch.nn.Conv2d(3, 5, 3)
    torch_models.save_export(path, convolution.eval(), [torch.zeros(2, 3, 8, 8)])
    return Case(export_backend, path, LoadOptions(extra={"memory_format": "channels_last"}))


def fixed_batch(folder: Path) -> Case:
    path = folder / "model.pt2"
    example = [torch.zeros(1, 32)]
    torch_models.save_export(path, torch_models.make_mlp(), example, dynamic=False)
    return Case(export_backend, path)


KINDS: dict[str, Callable[[Path], Case]] = {
    "program": export_mlp,
    "script": trace_mlp,
    "weights": weights_of_mlp,
    "lowered": lowered_mlp,
    "image": export_image,
    "fixed batch": fixed_batch,
}


@pytest.fixture(scope="module", params=KINDS)
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    """A model of each kind, made once."""
    return KINDS[request.param](tmp_path_factory.mktemp("models"))


@pytest.mark.parametrize("check", CHECKS)
def test_keeps_the_contract(check: str, case: Case) -> None:
    CHECKS[check](case)


SCRIPT_SHAPE = (FREE, 2, 3)


def declared_as(datatype: str, shape: Sequence[int] = SCRIPT_SHAPE) -> LoadOptions:
    """Declare x and y of a datatype."""
    x, y = (TensorSpec(name, datatype, tuple(shape)) for name in "xy")
    return LoadOptions(inputs=(x,), outputs=(y,))


def identity(x: torch.Tensor) -> torch.Tensor:
    """Answer the input itself, on its memory."""
    return x


@pytest.mark.parametrize("datatype", DTYPES)
def test_keeps_the_contract_for_every_datatype(datatype: str, tmp_path: Path) -> None:
    path = torch_models.save_script(
        tmp_path / "model.pt",
        torch_models.make_module(identity),
        [torch_models.example_of(datatype)],
    )
    check_backend(script_backend, path, declared_as(datatype))


@pytest.mark.parametrize("datatype", ["FP16", "BF16", "BOOL", "INT64", "UINT8", "FP64"])
def test_a_program_of_any_datatype_says_it_itself(datatype: str, tmp_path: Path) -> None:
    def turned(x: torch.Tensor) -> torch.Tensor:
        return x.transpose(1, 2)

    path = torch_models.save_export(
        tmp_path / "model.pt2",
        torch_models.make_module(turned),
        [torch_models.example_of(datatype)],
    )
    check_backend(export_backend, path)
    backend: Backend = export_backend()
    backend.load(path, LoadOptions())
    assert backend.signature().inputs == (TensorSpec("x", datatype, (FREE, 2, 3)),)
    assert backend.signature().outputs == (TensorSpec("OUTPUT__0", datatype, (FREE, 3, 2)),)
    backend.close()


def test_keeps_the_contract_with_free_dims(tmp_path: Path) -> None:
    path = torch_models.save_script(
        tmp_path / "model.pt",
        torch_models.make_module(identity),
        [torch.zeros(2, 3)],
    )
    warmup: Warmup = {"x": np.arange(24, dtype=np.float32).reshape(2, 3, 4)}
    check_backend(script_backend, path, declared_as("FP32", (FREE, 3, FREE)), warmup)
