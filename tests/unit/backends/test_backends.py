"""A path's suffix chooses its backend."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from runtime import backends
from runtime.backends import FRAMEWORKS, OURS, backend_for, framework_of, registered
from runtime.backends.base import LoadOptions
from runtime.backends.onnx import OnnxBackend
from runtime.errors import ConfigError, ModelError
from runtime.workers.zygote import PRELOADS

PYPROJECT = Path(__file__).parents[3] / "pyproject.toml"


@pytest.mark.parametrize("name", ["model.onnx", "MODEL.ONNX"])
def test_an_onnx_file_is_opened_by_our_backend(name: str) -> None:
    assert isinstance(backend_for(Path(name)), OnnxBackend)


def test_each_call_returns_a_backend_of_its_own() -> None:
    assert backend_for(Path("m.onnx")) is not backend_for(Path("m.onnx"))


@pytest.mark.parametrize("name", ["model.h5", "model"])
def test_an_unknown_file_is_refused_with_what_is_known(name: str) -> None:
    with pytest.raises(ModelError, match=r"no backend opens .*; known: \.fault, \.onnx"):
        backend_for(Path(name))


def test_ours_are_known_without_an_installed_distribution() -> None:
    assert registered()["onnx"] == "runtime.backends.onnx:OnnxBackend"


@pytest.mark.parametrize("place", ["runtime.nowhere:Backend", "runtime.errors:Backend"])
def test_a_backend_that_cannot_be_imported_says_which(
    monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.setitem(backends.OURS, "odd", place)
    with pytest.raises(ConfigError, match="backend 'odd' cannot be imported"):
        backend_for(Path("model.odd"))


@pytest.mark.parametrize("suffix", OURS)
def test_each_of_ours_can_be_made_and_has_a_framework(suffix: str) -> None:
    backend = backend_for(Path(f"model.{suffix}"))
    for method in ("load", "signature", "run", "close"):
        assert callable(getattr(backend, method))
    assert framework_of(Path(f"model.{suffix}")) in PRELOADS


def test_what_is_registered_is_what_an_installed_distribution_has() -> None:
    project = tomllib.loads(PYPROJECT.read_text())["project"]
    assert project["entry-points"]["runtime.backends"] == OURS
    assert set(FRAMEWORKS) == set(OURS)


@pytest.mark.parametrize(
    ("name", "file"),
    [("torch", "m.pt2"), ("pt2", "m.pt2"), ("torch", "m.safetensors"), ("onnx", "m.onnx"),
     ("python", "model.py"), ("torch", "M.PT")],
)  # fmt: skip
def test_a_backend_may_be_named_by_its_framework_or_suffix(name: str, file: str) -> None:
    assert type(backend_for(Path(file), name)) is type(backend_for(Path(file)))


@pytest.mark.parametrize(
    ("name", "file"),
    [("onnx", "m.pt2"), ("torch", "m.onnx"), ("pt", "m.pt2"), ("x", "m.py")],
)
def test_a_name_that_is_not_the_files_backend_is_refused(name: str, file: str) -> None:
    with pytest.raises(ModelError, match=rf"the backend '{name}' does not open"):
        backend_for(Path(file), name)


def test_a_strange_suffix_has_no_framework() -> None:
    assert framework_of(Path("m.h5")) == ""


def test_knowing_of_backends_imports_no_framework() -> None:
    code = (
        "import sys; from pathlib import Path; from runtime.backends import *;"
        "from runtime.backends import OURS, backend_for;"
        "[backend_for(Path('m.' + suffix)) for suffix in OURS];"
        "print({'torch', 'onnxruntime', 'safetensors', 'sympy'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "set()\n"


def test_without_pytorch_its_models_say_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ModelError, match=r"needs PyTorch.*pip install 'leeboard\[torch\]'"):
        backend_for(Path("m.pt2")).load(Path("m.pt2"), LoadOptions())
