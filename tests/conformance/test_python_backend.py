"""The Python backend keeps the contract of backends."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from runtime.backends.base import FREE, LoadOptions, TensorSpec
from runtime.backends.datatypes import NUMPY_TYPES
from runtime.backends.python_model import PythonBackend
from runtime.testing.conformance import CHECKS, Case, check_backend
from runtime.testing.torch_models import save_python


def declared(datatype: str, extra: dict[str, str] | None = None) -> LoadOptions:
    """Declare x and y, rows of [2, 3]."""
    x, y = (TensorSpec(name, datatype, (FREE, 2, 3)) for name in "xy")
    return LoadOptions(inputs=(x,), outputs=(y,), extra=extra or {})


@pytest.mark.parametrize("copies", ["off", "on"])
@pytest.mark.parametrize("check", CHECKS)
def test_keeps_the_contract(check: str, copies: str, tmp_path: Path) -> None:
    path = save_python(tmp_path / "model.py")
    options = declared("FP32", {"factor": "3", "copy_inputs": copies})
    CHECKS[check](Case(PythonBackend, path, options))


ANSWERS_ITS_INPUT = '''"""Answers its input."""


class Model:
    def predict(self, batch):
        return {"y": batch["x"]}
'''


YIELDS = '''"""Gives its input, then twice that, until it is closed or has given four."""


class Model:
    def load(self, context):
        self.open = 0

    def predict(self, batch):
        self.open += 1
        assert self.open == 1, "an earlier request was never closed"
        try:
            for factor in (1, 2, 3, 4):
                yield {"y": batch["x"] * batch["x"].dtype.type(factor)}
        finally:
            self.open -= 1
'''


@pytest.mark.parametrize("copies", ["off", "on"])
@pytest.mark.parametrize("check", CHECKS)
def test_a_decoupled_model_keeps_it_too(check: str, copies: str, tmp_path: Path) -> None:
    path = save_python(tmp_path / "model.py", YIELDS)
    options = replace(declared("FP32", {"copy_inputs": copies}), decoupled=True)
    CHECKS[check](Case(PythonBackend, path, options))


@pytest.mark.parametrize("datatype", NUMPY_TYPES)
def test_keeps_the_contract_for_every_datatype(datatype: str, tmp_path: Path) -> None:
    path = save_python(tmp_path / "model.py", ANSWERS_ITS_INPUT)
    check_backend(PythonBackend, path, declared(datatype))
