"""Weights in safetensors: which factories may make a module, and what fits it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from runtime.backends.base import LoadOptions, TensorSpec
from runtime.backends.memory import MemoryInputs, MemoryOutputs
from runtime.backends.torch_module import module_backend
from runtime.errors import ModelError
from runtime.testing import torch_models
from tests.unit.backends.torch_calls import X4, Y4, ask, loaded

FACTORIES = """
import torch
from runtime.testing.torch_models import make_mlp


class Shifts(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = torch.nn.ModuleList([torch.nn.Linear(4, 4)])
        self.again = self.layers[0]

    def forward(self, x, *, other=None, shift=None):
        y = self.again(self.layers[0](x)) * 0 + x
        return {"y": y if shift is None else y + shift}


class Keeps(torch.nn.Module):
    made = []

    def __init__(self, how):
        super().__init__()
        self.how, self.kept = how, []
        self.made.append(self)

    def forward(self, x):
        made = {"itself": x, "view": x[:1].T, "numpy": x.numpy(), "nothing": None}
        self.kept.append(made[self.how])
        return x + 0


def mlp(width=4):
    return make_mlp((width, 4))


def deeper():
    return make_mlp((4, 4, 4))


def raises():
    raise ValueError("told to")


def no_module():
    return "no module"


CONSTANT = 3
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A package of factories that can be imported, under a name of its own."""
    name = f"factories_of_{tmp_path.name}"
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").write_text("")
    (tmp_path / name / "made.py").write_text(FACTORIES)
    (tmp_path / name / "broken.py").write_text("raise OSError('told to')")
    monkeypatch.syspath_prepend(tmp_path)
    return name


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """The weights of a network 4 -> 4."""
    module = torch_models.make_mlp((4, 4))
    return torch_models.save_weights(tmp_path / "m.safetensors", module.state_dict())


def options(package: str, factory: str, **extra: str) -> LoadOptions:
    """Name a factory of the package, which is allowed."""
    chosen = {"module": f"{package}.{factory}", "allowed_modules": f"other, {package}"}
    return LoadOptions(inputs=(X4,), outputs=(Y4,), extra={**chosen, **extra})


@pytest.mark.parametrize("name", ["made.mlp", "made:mlp"])
def test_a_module_answers_as_it_does_alone(name: str, package: str, weights: Path) -> None:
    backend = loaded(module_backend, weights, options(package, name))
    x = np.random.default_rng(0).uniform(-1, 1, (3, 4)).astype(np.float32)
    with torch.no_grad():
        wanted = torch_models.make_mlp((4, 4))(torch.from_numpy(x)).numpy()
    np.testing.assert_array_equal(ask(backend, x=x)["y"], wanted)


def test_arguments_are_passed_to_the_factory(package: str, tmp_path: Path) -> None:
    state = torch_models.make_mlp((5, 4)).state_dict()
    path = torch_models.save_weights(tmp_path / "m.safetensors", state)
    chosen = options(package, "made.mlp", arguments='{"width": 5}')
    backend = loaded(module_backend, path, chosen)
    with pytest.raises(ModelError, match="mat1 and mat2 shapes cannot be multiplied"):
        ask(backend, x=np.ones((1, 4), np.float32))


def test_absent_inputs_are_none_and_shared_weights_are_needed_once(
    package: str, tmp_path: Path
) -> None:
    linear = torch.nn.Linear(4, 4)
    state = {f"layers.0.{name}": value for name, value in linear.state_dict().items()}
    path = torch_models.save_weights(tmp_path / "m.safetensors", state)
    shift = TensorSpec("shift", "FP32", (4,), optional=True)
    chosen = options(package, "made.Shifts")
    chosen = LoadOptions(inputs=(X4, shift), outputs=(Y4,), extra=chosen.extra)
    backend = loaded(module_backend, path, chosen)
    x = np.ones((2, 4), np.float32)
    assert ask(backend, x=x)["y"][0, 0] == 1.0
    assert ask(backend, x=x, shift=np.full(4, 2, np.float32))["y"][0, 0] == 3.0


@pytest.mark.parametrize(
    ("factory", "extra", "why"),
    [
        ("made.raises", {}, r"made\.raises failed to make the module \(ValueError: told"),
        ("made.no_module", {}, r"made\.no_module made a str, not a torch\.nn\.Module"),
        ("made.CONSTANT", {}, r"made\.CONSTANT is not a function or a class"),
        ("made.absent", {}, r"made\.absent cannot be imported \(AttributeError"),
        ("absent.mlp", {}, r"absent\.mlp cannot be imported \(ModuleNotFoundError"),
        ("broken.mlp", {}, r"broken\.mlp cannot be imported \(OSError: told to\)"),
        ("made.mlp", {"arguments": "{"}, "option arguments is not JSON"),
        ("made.mlp", {"arguments": "[4]"}, "option arguments must be a JSON object"),
        ("made.mlp", {"arguments": '{"x": 4}'}, "failed to make the module .TypeError"),
        ("made.mlp", {"arguments": '{"width": 5}'}, r"is torch.float32 \[4, 4\], the mod"),
        ("made.deeper", {}, r"the file lacks layers\.2\.bias, layers\.2\.weight; use the"),
        ("made.mlp", {"module": ""}, "has weights only; name what makes its module"),
        ("made.mlp", {"module": "os; x.y"}, "has weights only"),
        ("made.mlp", {"module": "os.system"}, "module 'os' may not be imported: allowed"),
        ("made.mlp", {"allowed_modules": ""}, "allowed are none; .* --allow-module "),
    ],
)
def test_a_module_that_cannot_be_made_says_why(
    factory: str, extra: dict[str, str], why: str, package: str, weights: Path
) -> None:
    with pytest.raises(ModelError, match=rf"m\.safetensors.*{why}"):
        loaded(module_backend, weights, options(package, factory, **extra))
    assert not torch.is_inference_mode_enabled()


def test_a_name_that_only_begins_like_an_allowed_one_is_not_allowed(
    package: str, weights: Path
) -> None:
    chosen = options(package, "made.mlp", allowed_modules=package[:-1])
    with pytest.raises(ModelError, match="may not be imported"):
        loaded(module_backend, weights, chosen)


def test_the_environment_allows_where_no_option_does(
    package: str, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = options(package, "made.mlp")
    chosen.extra.pop("allowed_modules")
    monkeypatch.setenv("LEEBOARD_MODULES", package)
    assert loaded(module_backend, weights, chosen).signature().batchable


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"layers.0.weight": torch.ones(4, 4, dtype=torch.float16)}, "is torch.float16"),
        ({"layers.0.weight": torch.ones(3, 4)}, r"is torch.float32 \[3, 4\]"),
        ({"layers.0.weight": torch.full((4, 4), torch.inf)}, "has 16 values that are not"),
        ({"more": torch.ones(1)}, "the module has no more; use the factory"),
    ],
)
def test_weights_that_do_not_fit_are_named(
    change: dict[str, torch.Tensor], why: str, package: str, tmp_path: Path
) -> None:
    state = dict(torch_models.make_mlp((4, 4)).state_dict()) | change
    path = torch_models.save_weights(tmp_path / "m.safetensors", state)
    with pytest.raises(ModelError, match=rf"m\.safetensors: .*{why}"):
        loaded(module_backend, path, options(package, "made.mlp"))


@pytest.mark.parametrize("content", [b"PK\x03\x04", b"\xff" * 100, b"\x08" + b"\0" * 7])
def test_a_file_that_is_no_safetensors_is_refused(
    content: bytes, package: str, tmp_path: Path
) -> None:
    path = tmp_path / "m.safetensors"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"m\.safetensors is not a whole safetensors file"):
        loaded(module_backend, path, options(package, "made.mlp"))


class Watched(MemoryInputs):
    """A batch in memory that comes again, and notes whether it was made private."""

    detached = 0

    def detach(self) -> None:
        """Count."""
        Watched.detached += 1


@pytest.mark.parametrize("how", ["itself", "view", "numpy", "nothing"])
def test_a_module_that_keeps_its_inputs_is_given_copies(
    how: str, package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Watched, "detached", 0)
    path = torch_models.save_weights(tmp_path / "m.safetensors", {})
    chosen = options(package, "made.Keeps", arguments=json.dumps({"how": how}))
    backend = loaded(module_backend, path, chosen)
    x = np.ones((2, 4), np.float32)
    for value in (1.0, 2.0, 3.0):
        x[:] = value
        outputs = MemoryOutputs(backend.signature(), 2)
        backend.run(Watched({"x": x}, 2, "place"), outputs)
        assert outputs.finish()["y"][0, 0] == value
    x[:] = 7
    kept = sys.modules[f"{package}.made"].__dict__["Keeps"].made[-1].kept
    assert Watched.detached == (how != "nothing")
    later = [float(tensor[0, 0]) for tensor in kept[1:] if tensor is not None]
    assert later == ([2.0, 3.0] if how != "nothing" else [])
