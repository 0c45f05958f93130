"""Packages of AOTInductor: compiled code, loaded only where the operator trusts it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from runtime.backends.base import FREE, LoadOptions, TensorSpec
from runtime.backends.torch_export import export_backend
from runtime.errors import ModelError
from runtime.testing import torch_models
from runtime.testing.conformance import CHECKS, Case
from tests.unit.backends.torch_calls import X4, Y4, ask, loaded

TRUST = {"trust": "native-code"}


@pytest.fixture
def hollow(tmp_path: Path) -> Path:
    """A package whose library is none."""
    module = torch_models.make_mlp((4, 4))
    path = torch_models.save_export(tmp_path / "m.pt2", module, [torch.zeros(2, 4)])
    library = {"data/aotinductor/model/model.so": b"\x7fELF"}
    return torch_models.rewrite(path, tmp_path / "native.pt2", library)


X0, Y0 = (TensorSpec(name, "FP32", (FREE, 4)) for name in ("INPUT__1", "OUTPUT__1"))


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (LoadOptions(extra=TRUST), "compiled code does not say which tensors"),
        (LoadOptions(extra={"trust": "all"}), "'trust' is 'all'; it must be one of"),
        (
            LoadOptions(inputs=(X4,), outputs=(Y4,), extra=TRUST | {"dtype": "bfloat16"}),
            "compiled code cannot change its dtype",
        ),
        (
            LoadOptions(inputs=(X0,), outputs=(Y4,), extra=TRUST),
            "declared inputs must be numbered from 0 without gaps: INPUT__0",
        ),
        (
            LoadOptions(inputs=(X4,), outputs=(Y0,), extra=TRUST),
            "declared outputs must be numbered from 0 without gaps: OUTPUT__0",
        ),
        (LoadOptions(inputs=(X4,), outputs=(Y4,), extra=TRUST), "cannot be loaded"),
    ],
)
def test_a_package_that_cannot_be_served_says_why(
    options: LoadOptions, why: str, hollow: Path
) -> None:
    with pytest.raises(ModelError, match=rf"native\.pt2.* {why}"):
        loaded(export_backend, hollow, options)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_compiled_network_keeps_the_contract(tmp_path: Path) -> None:
    module = torch_models.make_mlp()
    rows = torch.export.Dim("rows", min=1, max=64)
    with torch.no_grad():
        program = torch.export.export(
            module, (torch.zeros(2, 32),), dynamic_shapes=({0: rows},)
        )
        path = tmp_path / "native.pt2"
        torch._inductor.aoti_compile_and_package(program, package_path=str(path))
    declared = LoadOptions(
        inputs=torch_models.MLP_INPUTS, outputs=torch_models.MLP_OUTPUTS, extra=TRUST
    )
    case = Case(export_backend, path, declared)
    for check in CHECKS.values():
        check(case)
    x = np.random.default_rng(0).uniform(-1, 1, (5, 32)).astype(np.float32)
    with torch.no_grad():
        wanted = module(torch.from_numpy(x)).numpy()
    answers = ask(loaded(export_backend, path, declared), x=x)
    np.testing.assert_allclose(answers["y"], wanted, rtol=1e-5, atol=1e-6)
