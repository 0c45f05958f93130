"""The fake backend turns its knobs as it says."""

from __future__ import annotations

import threading
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from runtime.backends.base import Array, LoadOptions
from runtime.backends.memory import MemoryInputs, MemoryOutputs, MemoryResponses
from runtime.errors import ModelError
from runtime.testing.fake_backend import ONE_TO_ONE, FakeBackend, FakeResponder
from runtime.testing.waiting import wait_until

X = np.arange(8, dtype=np.float32).reshape(2, 4)


def run(backend: FakeBackend) -> Array:
    outputs = MemoryOutputs(backend.signature(), 2)
    backend.run(MemoryInputs({"x": X}, 2), outputs)
    return outputs.finish()["y"]


def test_it_doubles_its_input_and_remembers_what_it_saw() -> None:
    backend = FakeBackend()
    backend.load(Path("anything"), LoadOptions())
    assert run(backend).tolist() == (X * 2).tolist()
    assert backend.signature() == ONE_TO_ONE
    assert (backend.batches, backend.entered) == ([2], 1)
    assert backend.seen[0]["x"].tolist() == X.tolist()
    backend.close()


def test_it_answers_with_any_function() -> None:
    backend = FakeBackend(answer=lambda arrays: {"y": arrays["x"] + 1})
    assert run(backend).tolist() == (X + 1).tolist()


def test_it_fails_when_told_for_certain_inputs() -> None:
    backend = FakeBackend()
    backend.fail_on = lambda arrays: bool((arrays["x"] == 7).any())
    with pytest.raises(ModelError, match="told to fail"):
        run(backend)
    backend.fail_on = lambda arrays: bool((arrays["x"] == 8).any())
    assert run(backend).shape == (2, 4)


def test_held_batches_stop_inside_until_they_are_released() -> None:
    backend = FakeBackend()
    backend.hold()
    answers: list[Array] = []
    threads = [
        threading.Thread(target=lambda: answers.append(run(backend))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    wait_until(lambda: backend.entered == 3, "all are inside")
    assert answers == []
    backend.release()
    wait_until(lambda: len(answers) == 1, "one has finished")
    backend.let_go()
    for thread in threads:
        thread.join(30)
    assert len(answers) == 3
    assert run(backend).shape == (2, 4)


def test_a_responder_gives_what_its_function_makes() -> None:
    backend = FakeResponder()
    assert backend.signature().decoupled
    outputs = MemoryResponses(backend.signature())
    backend.run(MemoryInputs({"x": X}, 2), outputs)
    given = [response["y"].tolist() for response in outputs.end()]
    assert given == [(X * factor).tolist() for factor in (1, 2, 3)]
    assert (backend.given, backend.ended, backend.unwanted) == (3, 1, 0)


@pytest.mark.parametrize("most", [0, 1])
def test_a_responder_counts_requests_that_nobody_waits_for(most: int) -> None:
    backend = FakeResponder()
    outputs = MemoryResponses(backend.signature(), most=most)
    backend.run(MemoryInputs({"x": X}, 2), outputs)
    assert (backend.given, backend.ended, backend.unwanted) == (most, 1, 1)


def test_a_held_responder_gives_one_response_for_each_permit() -> None:
    backend = FakeResponder()
    backend.hold()
    outputs = MemoryResponses(backend.signature())
    inputs = MemoryInputs({"x": X}, 2)
    running = threading.Thread(target=lambda: backend.run(inputs, outputs))
    running.start()
    for given in (1, 2):
        backend.release()
        wait_until(partial(has_given, backend, given), "a response for each permit")
    assert running.is_alive()
    backend.let_go()
    running.join(60)
    assert (backend.given, backend.ended) == (3, 1)


def has_given(backend: FakeResponder, count: int) -> bool:
    return backend.given == count
