"""A .pt2 cannot run code of its own: each way to is refused, or leads nowhere."""

from __future__ import annotations

import io
import json
import os
import pickle
import warnings
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from runtime.backends.base import LoadOptions
from runtime.backends.memory import MemoryInputs, MemoryOutputs
from runtime.backends.torch_export import export_backend
from runtime.backends.torch_gate import CONFIGS, MODEL, SAMPLES
from runtime.backends.torch_words import parse_guard, refuse_expression, refuse_operator
from runtime.errors import ModelError
from runtime.testing import torch_models

WEIGHTS, CONSTANTS = CONFIGS


class Poison:
    """A pickle that makes a folder when it is opened."""

    def __init__(self, mark: Path) -> None:
        self._mark = mark

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self._mark),)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A program whose batch has a size symbol."""
    path = tmp_path_factory.mktemp("good") / "model.pt2"
    return torch_models.save_export(
        path, torch_models.make_mlp((4, 3)), [torch.zeros(2, 4)]
    )


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    """A folder that exists as soon as code of a file has run."""
    return tmp_path / "code-has-run"


def load(path: Path) -> None:
    """Load a file with our backend, and let go of it."""
    backend = export_backend()
    backend.load(path, LoadOptions())
    backend.close()


def program_of(path: Path) -> Any:
    """Return a program's JSON."""
    return json.loads(torch_models.member(path, MODEL))


def with_program(good: Path, path: Path, change: Callable[[Any], object]) -> Path:
    """Copy a program with its JSON changed."""
    program = program_of(good)
    change(program)
    return torch_models.rewrite(good, path, {MODEL: json.dumps(program).encode()})


def poisoned_samples(good: Path, path: Path, mark: Path) -> Path:
    """Put a pickle that runs code in the place of the sample inputs."""
    buffer = io.BytesIO()
    torch.save(Poison(mark), buffer)
    return torch_models.rewrite(good, path, {SAMPLES: buffer.getvalue()})


def poisoned_weight(good: Path, path: Path, mark: Path) -> Path:
    """Declare a weight a pickle, and make it one that runs code."""
    config = json.loads(torch_models.member(good, WEIGHTS))
    for about in config["config"].values():
        about["use_pickle"] = True
    buffer = io.BytesIO()
    torch.save(Poison(mark), buffer)
    return torch_models.rewrite(
        good,
        path,
        {
            WEIGHTS: json.dumps(config).encode(),
            "data/weights/weight_0": buffer.getvalue(),
        },
    )


def poisoned_constant(good: Path, path: Path, mark: Path) -> Path:
    """Add an object of an unknown class."""
    about = {"path_name": "opaque_obj_0", "is_param": False, "use_pickle": True}
    config = {"config": {"thing": {**about, "tensor_meta": None}}}
    changes: dict[str, bytes | None] = {
        CONSTANTS: json.dumps(config).encode(),
        "data/constants/opaque_obj_0": pickle.dumps(Poison(mark)),
    }
    return torch_models.rewrite(good, path, changes)


def poisoned_size(good: Path, path: Path, mark: Path) -> Path:
    """Write code where a size expression stands."""
    code = f"__import__('os').mkdir('{mark}')"

    def change(program: Any) -> None:
        values = program["graph_module"]["graph"]["tensor_values"]
        values["x"]["sizes"][0] = {"as_expr": {"expr_str": code, "hint": None}}

    return with_program(good, path, change)


def poisoned_guard(good: Path, path: Path, mark: Path) -> Path:
    """Write code where a guard stands."""
    code = f"__import__('os').mkdir('{mark}') is None"
    return with_program(good, path, lambda program: program["guards_code"].append(code))


def poisoned_operator(good: Path, path: Path, mark: Path) -> Path:
    """Name a function of the operating system as an operator."""

    def change(program: Any) -> None:
        graph = program["graph_module"]["graph"]
        argument = {"name": "path", "arg": {"as_string": str(mark)}, "kind": 1}
        call = {"target": "torch.os.mkdir", "inputs": [argument], "outputs": []}
        graph["nodes"].insert(0, {**graph["nodes"][0], **call, "name": "made"})

    return with_program(good, path, change)


def poisoned_tree(good: Path, path: Path, mark: Path) -> Path:
    """Name a type that PyTorch would import."""
    tree = [1, {"type": "collections.defaultdict", "context": json.dumps(
        {"default_factory_module": "os", "default_factory_name": "mkdir",
         "dict_context": []}), "children_spec": []}]  # fmt: skip

    def change(program: Any) -> None:
        (entry, *_) = program["graph_module"]["module_call_graph"]
        entry["signature"]["out_spec"] = json.dumps(tree)

    return with_program(good, path, change)


def poisoned_name(good: Path, path: Path, mark: Path) -> Path:
    """Write code where a name stands that becomes a parameter of a function."""

    def change(program: Any) -> None:
        text = json.dumps(program).replace('"x"', f"\"x=__import__('os').mkdir('{mark}')\"")
        program.clear()
        program.update(json.loads(text))

    return with_program(good, path, change)


Poisoner = Callable[[Path, Path, Path], Path]

REFUSED: dict[Poisoner, str] = {
    poisoned_weight: "is stored as a pickle",
    poisoned_constant: "'thing' is stored as a pickle",
    poisoned_size: "size expression",
    poisoned_guard: "guard .* does more than compare sizes",
    poisoned_operator: "operator 'torch.os.mkdir' is not one that is known",
    poisoned_tree: "are of collections.defaultdict",
    poisoned_name: "stands where it should have a name",
}


@pytest.mark.parametrize("poison", REFUSED)
def test_code_in_a_file_is_refused_and_does_not_run(
    poison: Poisoner, good: Path, tmp_path: Path, mark: Path
) -> None:
    path = poison(good, tmp_path / "poisoned.pt2", mark)
    with pytest.raises(ModelError, match=rf"poisoned\.pt2.*{REFUSED[poison]}"):
        load(path)
    assert not mark.exists()


def test_sample_inputs_are_not_opened(good: Path, tmp_path: Path, mark: Path) -> None:
    load(poisoned_samples(good, tmp_path / "poisoned.pt2", mark))
    assert not mark.exists()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "poison", [poisoned_samples, poisoned_weight, poisoned_constant, poisoned_size]
)
def test_the_poison_is_real_without_the_gate(
    poison: Poisoner, good: Path, tmp_path: Path, mark: Path
) -> None:
    path = poison(good, tmp_path / "poisoned.pt2", mark)
    with suppress(Exception), warnings.catch_warnings():
        torch.export.load(path)
    assert mark.exists()


def test_what_was_checked_is_what_is_loaded(
    good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = torch_models.rewrite(good, tmp_path / "model.pt2", {})
    checked = export_backend()
    opened: list[str] = []
    whole = zipfile.ZipFile.__init__

    def replacing(self: zipfile.ZipFile, *args: Any, **options: Any) -> None:
        opened.append(str(args[0]))
        path.write_bytes(b"another file by now")
        whole(self, *args, **options)

    monkeypatch.setattr(zipfile.ZipFile, "__init__", replacing)
    checked.load(path, LoadOptions())
    assert opened
    assert not any("model.pt2" in name for name in opened)
    x = np.zeros((2, 4), np.float32)
    outputs = MemoryOutputs(checked.signature(), 2)
    checked.run(MemoryInputs({"x": x}, 2), outputs)
    assert outputs.finish()["OUTPUT__0"].shape == (2, 3)
    checked.close()


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("version", "written by PyTorch 2.7 or older"),
        ("serialized_exported_program.json", "written by PyTorch 2.7 or older"),
        ("data/aotinductor/model/model.so", "compiled code.*trust: native-code"),
    ],
)
def test_another_layout_is_refused(name: str, why: str, good: Path, tmp_path: Path) -> None:
    path = torch_models.rewrite(good, tmp_path / "odd.pt2", {name: b"8.20"})
    with pytest.raises(ModelError, match=rf"odd\.pt2.*{why}"):
        load(path)


@pytest.mark.parametrize("name", [MODEL, WEIGHTS, CONSTANTS])
def test_a_missing_part_is_named(name: str, good: Path, tmp_path: Path) -> None:
    path = torch_models.rewrite(good, tmp_path / "odd.pt2", {name: None})
    with pytest.raises(ModelError, match=rf"odd\.pt2 has no {name}; .*export it again"):
        load(path)


def test_a_lost_weight_is_named(good: Path, tmp_path: Path) -> None:
    path = torch_models.rewrite(good, tmp_path / "odd.pt2", {"data/weights/weight_0": None})
    with pytest.raises(ModelError, match=r"odd\.pt2 has no data/weights/weight_0, a"):
        load(path)


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"graph_module": 3}', b"\xff"])
def test_a_description_that_is_none_is_refused(
    content: bytes, good: Path, tmp_path: Path
) -> None:
    path = torch_models.rewrite(good, tmp_path / "odd.pt2", {MODEL: content})
    with pytest.raises(ModelError, match=r"odd\.pt2 does not describe a program"):
        load(path)


@pytest.mark.parametrize(
    "text",
    ["s0", "2*s0 + 1", "Symbol('s0', positive=True, integer=True)", "Max(1, s0)",
     "Mul(Integer(2), Symbol('s0', integer=True))", "FloorDiv(s0, 2)", "Eq(s0, 3)"],
)  # fmt: skip
def test_arithmetic_on_sizes_is_taken(text: str) -> None:
    refuse_expression(text)


@pytest.mark.parametrize(
    "text",
    ["__import__('os')", "s0.__class__", "Integer('s0.x()')", "Symbol('a b')", "open(s0)",
     "[s for s in x]", "lambda: 0", "(lambda: 0)()", "x[0]", "f'{s0}'", "s0(1)", "1 +",
     "getattr(s0, x)", "Symbol(Symbol('s0.x()'))('a')", "a" * 5000, "(" * 500, 7],
)  # fmt: skip
def test_anything_else_in_place_of_a_size_is_refused(text: object) -> None:
    with pytest.raises(ModelError):
        refuse_expression(text)


@pytest.mark.parametrize(
    "text",
    ["L['x'].size()[0] == L['y'].size()[1]", "L['x'].size()[0] != 7 and True",
     "max(1, L['x'].size()[1] // 4) != 2", "not L['a']['b'].stride()[0] % 8 < 3"],
)  # fmt: skip
def test_guards_on_sizes_are_taken(text: str) -> None:
    parse_guard(text)


@pytest.mark.parametrize(
    "text",
    ["L['x'].__class__", "print(1)", "L['x'](1)", "max(L['x'], key=print)",
     "L['x'].size(key=1)", "L['x'].numpy()[0]", "x == 1",
     "L['x'].tofile('f')", "(L := 3)", "[L for L in L]", "9 ** 9"],
)  # fmt: skip
def test_other_guards_are_refused(text: str) -> None:
    with pytest.raises(ModelError):
        parse_guard(text)


@pytest.mark.parametrize(
    "target",
    ["torch.ops.aten.linear.default", "torch.ops.aten.__and__.Tensor", "_operator.add",
     "torch.ops.higher_order.cond", "math.ceil", "torch.sym_max", "torch._sym_sqrt"],
)  # fmt: skip
def test_operators_that_compute_are_taken(target: str) -> None:
    refuse_operator(target)


@pytest.mark.parametrize(
    "target",
    ["torch.os.system", "torch.ops.load_library", "torch.ops.aten.from_file.default",
     "torch.ops.aten.__class__.default", "torch.ops.aten.add.__call__", "_operator.call",
     "_operator.attrgetter", "torch.hub.load", "torch.ops.mine.op", "#mine", "os.system",
     "torch.ops.higher_order.call_torchbind", "torch.ops.aten.save", "", None,
     "torch.sym_max.__globals__", "builtins.eval"],
)  # fmt: skip
def test_operators_that_do_more_are_refused(target: object) -> None:
    with pytest.raises(ModelError):
        refuse_operator(target)
