"""A model that keeps the arrays it is given, on the memory of a real front end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tritonclient.grpc as triton

from runtime.backends.base import Inputs, Outputs
from runtime.testing.fake_backend import FakeBackend
from runtime.testing.inline import InlineOptions
from tests.integration.calls import Array, rows, tensors
from tests.integration.conftest import MakeInline


class Keeper(FakeBackend):
    """Keeps a view of every batch, and says so."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[Array] = []

    def run(self, inputs: Inputs, outputs: Outputs) -> None:
        """Answer y = 2 x, and keep a part of x."""
        x = inputs.fresh("x")
        self.kept.append(x[:, 1:])
        outputs.write("y", x * 2)
        inputs.detach()


def mappings_of_inputs() -> int:
    maps = Path("/proc/self/maps").read_text().splitlines()
    return sum("leeboard-inputs" in line for line in maps)


@pytest.mark.parametrize("max_batch_size", [8, 0])
def test_what_a_model_keeps_stands_while_its_memory_is_used_again(
    make_inline: MakeInline, max_batch_size: int
) -> None:
    backend = Keeper()
    server = make_inline(backend, options=InlineOptions(max_batch_size=max_batch_size))
    asked = [rows(3, first=1000 * i) for i in range(30)]
    with triton.InferenceServerClient(server.grpc) as client:
        for x in asked:
            answer = client.infer("fake", tensors(x=x)).as_numpy("y")
            assert answer.tolist() == (x * 2).tolist()
    assert [kept.tolist() for kept in backend.kept] == [x[:, 1:].tolist() for x in asked]


def test_the_pages_of_one_batch_at_most_are_held_back(make_inline: MakeInline) -> None:
    backend = Keeper()
    server = make_inline(backend)
    before = mappings_of_inputs()
    with triton.InferenceServerClient(server.grpc) as client:
        for size in (1, 8, 2):
            x = np.ones((size, 4), np.float32)
            client.infer("fake", tensors(x=x))
    assert mappings_of_inputs() == before
