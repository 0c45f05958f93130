"""Modules become programs with free rows, and stay as they were."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from runtime.backends.declared import Declared
from runtime.errors import ConfigError, ModelError
from runtime.registry.from_torch import convert, convert_script, tensors, yaml_of
from runtime.testing.torch_models import make_mlp


class Two(torch.nn.Module):
    """Takes two tensors by name."""

    def forward(self, left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        return left + right[:, :1]


class Counts(torch.nn.Module):
    """Depends on how many rows there are, which no program with free rows can."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x if int((x > 0).sum().item()) > 1 else -x


def scripted(module: torch.nn.Module) -> Any:
    """Return a module as TorchScript, which says of itself that it is deprecated."""
    jit: Any = torch.jit
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return jit.script(module)


@pytest.fixture
def mlp() -> torch.nn.Module:
    return make_mlp()


def test_the_module_that_is_trained_stays_as_it_is(
    mlp: torch.nn.Module, tmp_path: Path
) -> None:
    mlp.train()
    convert(mlp, torch.zeros(1, 32), tmp_path)
    assert mlp.training


@pytest.mark.parametrize("rows", [1, 3, 40])
def test_rows_are_free_whatever_the_sample_had(
    rows: int, mlp: torch.nn.Module, tmp_path: Path
) -> None:
    made = convert(mlp, torch.zeros(rows, 32), tmp_path)
    program = torch.export.load(made.laid.files["model/model.pt2"]).module()
    assert [len(program(x=torch.zeros(n, 32))) for n in (1, 5)] == [1, 5]


@pytest.mark.parametrize(
    "make",
    [
        lambda left, right: (left, right),
        lambda left, right: {"right": right, "left": left},
        lambda left, right: (left.numpy(), right.numpy().tolist()),
    ],
    ids=["a tuple", "by name", "arrays"],
)
def test_inputs_have_the_names_of_arguments(
    make: Callable[[torch.Tensor, torch.Tensor], object], tmp_path: Path
) -> None:
    sample = make(torch.ones(3, 1), torch.zeros(3, 2))
    made = convert(Two(), sample, tmp_path)
    assert set(made.sample) == {"left", "right"}
    assert made.laid.framework == "torch"


def test_without_a_sample_it_is_asked_for(mlp: torch.nn.Module, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="needs sample="):
        convert(mlp, None, tmp_path)


def test_a_sample_of_another_name_is_refused(mlp: torch.nn.Module, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="inputs are x"):
        convert(mlp, {"y": torch.zeros(2, 32)}, tmp_path)


@pytest.mark.parametrize("sample", [torch.tensor(1.0), torch.zeros(0, 3), ["text"]])
def test_a_sample_has_rows_of_numbers(sample: object) -> None:
    with pytest.raises(ConfigError, match="no tensor with rows"):
        tensors(sample, ["x"])


def test_one_row_becomes_two_of_the_same() -> None:
    made = tensors(np.array([[1.0, 2.0]], np.float32), ["x"])
    assert made["x"].tolist() == [[1.0, 2.0], [1.0, 2.0]]


def test_what_cannot_be_exported_says_what_else_to_do(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"Counts.*push the \.pt2 file"):
        convert(Counts(), torch.ones(2, 3), tmp_path)


def test_a_script_is_declared_as_its_sample_shows(tmp_path: Path) -> None:
    script = scripted(Two())
    made = convert_script(script, (torch.ones(3, 1), torch.zeros(3, 2)), tmp_path)
    text = made.laid.files["leeboard.yaml"].read_text()
    assert '{name: "left", datatype: FP32, dims: [1]}' in text
    assert '{name: "OUTPUT__0", datatype: FP32, dims: [1]}' in text
    assert [one.name for one in made.inputs] == ["left", "right"]


class GivesText(torch.nn.Module):
    """Answers something that is no tensor."""

    def forward(self, x: torch.Tensor) -> str:
        return "text"


def test_a_script_that_answers_no_tensors_is_refused(tmp_path: Path) -> None:
    script = scripted(GivesText())
    with pytest.raises(ModelError, match="other things than tensors"):
        convert_script(script, torch.ones(2, 3), tmp_path)


def test_a_name_that_yaml_takes_for_something_else_stays_a_name() -> None:
    text = yaml_of((Declared("no", "FP32", (2,)),), (Declared("a: b", "FP32", ()),))
    said = yaml.safe_load(text)
    assert [said["inputs"][0]["name"], said["outputs"][0]["name"]] == ["no", "a: b"]
