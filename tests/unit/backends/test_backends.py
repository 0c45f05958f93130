"""A path's suffix chooses its backend."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime import backends
from runtime.backends import backend_for, registered
from runtime.backends.onnx import OnnxBackend
from runtime.errors import ConfigError, ModelError


@pytest.mark.parametrize("name", ["model.onnx", "MODEL.ONNX"])
def test_an_onnx_file_is_opened_by_our_backend(name: str) -> None:
    assert isinstance(backend_for(Path(name)), OnnxBackend)


def test_each_call_returns_a_backend_of_its_own() -> None:
    assert backend_for(Path("m.onnx")) is not backend_for(Path("m.onnx"))


@pytest.mark.parametrize("name", ["model.pt", "model"])
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
