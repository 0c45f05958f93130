"""The conformance suite passes a good backend and catches each way of being bad."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from runtime.backends.base import FREE, Inputs, LoadOptions, Outputs, Signature, TensorSpec
from runtime.errors import ModelError
from runtime.testing.conformance import CHECKS, Case, ConformanceError, check_backend

HEADER = b"doubling model, whole\n"


class Doubling:
    """A plug-in that answers y = 2 x; its file is one line."""

    def load(self, path: Path, options: LoadOptions) -> None:
        """Accept only the whole line."""
        if not path.is_file() or path.read_bytes() != HEADER:
            raise ModelError(f"{path} is not a doubling model")

    def signature(self) -> Signature:
        """One input, one output."""
        x, y = (TensorSpec(name, "FP32", (FREE, 4)) for name in "xy")
        return Signature("doubling", (x,), (y,), batchable=True)

    def run(self, inputs: Inputs, outputs: Outputs) -> None:
        """Double."""
        x = inputs["x"]
        np.multiply(x, 2, out=outputs.reserve("y", x.shape))

    def close(self) -> None:
        """Nothing to free."""


class OpensAnything(Doubling):
    def load(self, path: Path, options: LoadOptions) -> None:
        pass


class RefusesWithoutAName(Doubling):
    def load(self, path: Path, options: LoadOptions) -> None:
        if not path.is_file() or path.read_bytes() != HEADER:
            raise ModelError("this file is broken")


class ChangesInputs(Doubling):
    def run(self, inputs: Inputs, outputs: Outputs) -> None:
        x = inputs["x"]
        x.setflags(write=True)
        x *= 2
        outputs.write("y", x)


class MixesRows(Doubling):
    def run(self, inputs: Inputs, outputs: Outputs) -> None:
        outputs.write("y", inputs["x"] - inputs["x"].mean(axis=0))


class ForgetsValues(Doubling):
    def run(self, inputs: Inputs, outputs: Outputs) -> None:
        outputs.reserve("y", inputs["x"].shape)[:, 1:] = inputs["x"][:, 1:]


class RemembersTheFirstAnswer(Doubling):
    answers: dict[object, np.ndarray]

    def load(self, path: Path, options: LoadOptions) -> None:
        super().load(path, options)
        self.answers = {}

    def run(self, inputs: Inputs, outputs: Outputs) -> None:
        key = inputs.key if inputs.key is not None else object()
        outputs.write("y", self.answers.setdefault(key, inputs["x"] * 2))


class FillsTwice(Doubling):
    def run(self, inputs: Inputs, outputs: Outputs) -> None:
        super().run(inputs, outputs)
        super().run(inputs, outputs)


class ReadsMemoryInOnePiece(Doubling):
    def run(self, inputs: Inputs, outputs: Outputs) -> None:
        x = inputs["x"]
        start = x if x.base is None or x.flags.c_contiguous else x.base
        outputs.write("y", start.reshape(-1)[: x.size].reshape(x.shape) * 2)


class ReadsRowsBeyond(Doubling):
    def run(self, inputs: Inputs, outputs: Outputs) -> None:
        x = inputs["x"]
        whole = x if x.base is None else x.base
        outputs.write("y", x * 2 + whole[-1])


class KeepsItsInput(Doubling):
    def run(self, inputs: Inputs, outputs: Outputs) -> None:
        kept = vars(self).setdefault("kept", inputs["x"])
        outputs.write("y", inputs["x"] * 2 + kept[:1])


class SharesState(Doubling):
    last: ClassVar[list[np.ndarray]] = []

    def run(self, inputs: Inputs, outputs: Outputs) -> None:
        self.last.append(inputs["x"] * 2)
        outputs.write("y", self.last[-1] if len(self.last) < 30 else self.last[0])


class RepeatsNames(Doubling):
    def signature(self) -> Signature:
        signature = super().signature()
        return Signature(
            "doubling", signature.inputs * 2, signature.outputs, batchable=True
        )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A good model file."""
    path = tmp_path / "model.doubling"
    path.write_bytes(HEADER)
    return path


def test_a_good_backend_passes(path: Path) -> None:
    check_backend(Doubling, path)


@pytest.mark.parametrize(
    ("backend", "check"),
    [
        (OpensAnything, "missing_file"),
        (OpensAnything, "empty_file"),
        (OpensAnything, "foreign_file"),
        (OpensAnything, "cut_file"),
        (RefusesWithoutAName, "cut_file"),
        (ChangesInputs, "inputs_are_left_alone"),
        (MixesRows, "rows_stand_alone"),
        (ForgetsValues, "every_value_is_written"),
        (RemembersTheFirstAnswer, "reused_memory"),
        (FillsTwice, "outputs"),
        (ReadsMemoryInOnePiece, "scattered_inputs"),
        (ReadsRowsBeyond, "rows_beyond"),
        (KeepsItsInput, "answers_stay"),
        (SharesState, "two_at_once"),
        (RepeatsNames, "signature"),
    ],
)
def test_a_broken_promise_is_caught(
    backend: type[Doubling], check: str, path: Path
) -> None:
    with pytest.raises((ConformanceError, ModelError)):
        CHECKS[check](Case(backend, path))


def test_a_model_with_free_dims_asks_for_a_warmup(path: Path) -> None:
    class Free(Doubling):
        def signature(self) -> Signature:
            x = TensorSpec("x", "FP32", (FREE, FREE))
            return Signature("doubling", (x,), (x,), batchable=True)

    with pytest.raises(ConformanceError, match="give the check a warmup"):
        CHECKS["outputs"](Case(Free, path))
