"""Responses through real shared memory, to a front end that dawdles, or goes."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from runtime.backends.base import (
    FREE,
    Backend,
    Inputs,
    LoadOptions,
    Outputs,
    Responses,
    TensorSpec,
)
from runtime.backends.python_model import PythonBackend
from runtime.testing.fault_model import FaultModel
from runtime.testing.torch_models import save_python
from runtime.testing.waiting import wait_until
from tests.unit.workers.page_front import PageFront
from tests.unit.workers.test_responses import Responding

X = np.arange(8, dtype=np.float32).reshape(2, 4)
fronts: list[PageFront] = []


@pytest.fixture(autouse=True)
def all_workers_end() -> Iterator[None]:
    fronts.clear()
    yield
    for front in fronts:
        front.close()


def serve(backend: Backend, capacity: int = 4096) -> PageFront:
    front = PageFront(backend, capacity)
    fronts.append(front)
    return front


def fault(folder: Path, **about: object) -> FaultModel:
    path = folder / "model.fault"
    path.write_text(json.dumps(about))
    model = FaultModel()
    model.load(path, LoadOptions(decoupled=True))
    return model


def numbers(front: PageFront) -> list[float]:
    """Take all responses of a batch; returns the first value of each."""
    firsts = []
    while (done := front.next()).more:
        assert done.y is not None
        firsts.append(float(done.y[0, 0]))
        front.take()
    assert (done.code, done.y) == (0, None)
    return firsts


def test_responses_come_in_order_and_batches_after_each_other(tmp_path: Path) -> None:
    front = serve(fault(tmp_path, responses={"count": 4}))
    for n in range(12):
        front.offer(X + n)
        assert numbers(front) == [n, n + 1, n + 2, n + 3]


def test_ten_thousand_small_ones(tmp_path: Path) -> None:
    front = serve(fault(tmp_path, responses={"count": 10_000}))
    front.offer(X)
    assert numbers(front) == list(range(10_000))


def test_large_ones_come_in_regions_of_their_own(tmp_path: Path) -> None:
    front = serve(fault(tmp_path, responses={"count": 20}), capacity=16)
    front.offer(X)
    for n in range(20):
        done = front.next()
        assert done.grown
        assert done.y is not None
        assert (done.y == X + n).all()
        front.take()
    assert not front.next().more


class Counting(Responding):
    """Gives responses for ever; counts what it has computed and whether it ended."""

    def __init__(self) -> None:
        super().__init__(self._count)
        self.computed = 0
        self.ends = 0

    def has_computed(self, count: int) -> bool:
        """Tell whether it has come so far."""
        return self.computed == count

    def _count(self, x: np.ndarray, outputs: Responses) -> None:
        while True:
            self.computed += 1
            if not outputs.ready():
                break
            outputs.write("y", x + self.computed)
            if not outputs.send():
                break
        self.ends += 1


def test_a_worker_is_one_response_ahead_of_a_slow_reader_and_overwrites_nothing() -> None:
    backend = Counting()
    front = serve(backend)
    seq = front.offer(X)
    for n in range(1, 5):
        done = front.next()
        wait_until(partial(backend.has_computed, n + 1), "it computes the next one")
        assert front.waiting() == 0
        assert done.y is not None
        assert (done.y == X + n).all()
        front.take()
    front.cancel(seq)


def test_one_that_waits_is_told_that_nobody_wants_more() -> None:
    backend = Counting()
    front = serve(backend)
    seq = front.offer(X)
    assert front.next().more
    front.cancel(seq)
    assert not front.next().more
    assert backend.ends == 1
    front.clear()
    front.offer(X)
    assert front.next().more


def test_one_that_waits_ends_when_its_front_end_hangs_up() -> None:
    backend = Counting()
    front = serve(backend)
    front.offer(X)
    assert front.next().more
    front.hang_up.close()
    front.thread.join(30)
    assert not front.thread.is_alive()
    assert backend.ends == 1


def test_a_question_of_the_front_end_ends_nothing() -> None:
    backend = Counting()
    front = serve(backend)
    seq = front.offer(X)
    assert front.next().more
    front.hang_up.send(b"?")
    for _ in range(3):
        front.take()
        assert front.next().more
    front.cancel(seq)
    assert not front.next().more
    front.thread.join(30)  # It goes to hear the question.
    assert not front.thread.is_alive()
    assert backend.ends == 1


def test_one_that_was_asked_ends_when_its_front_end_hangs_up() -> None:
    backend = Counting()
    front = serve(backend)
    front.offer(X)
    assert front.next().more
    front.hang_up.send(b"?")
    front.hang_up.close()
    front.thread.join(30)
    assert not front.thread.is_alive()
    assert backend.ends == 1


def test_a_model_that_never_ends_stops_between_responses(tmp_path: Path) -> None:
    front = serve(fault(tmp_path, responses={"count": -1, "delay_s": 0.001}))
    seq = front.offer(X)
    for _ in range(3):
        assert front.next().more
        front.take()
    front.cancel(seq)
    while (done := front.next()).more:
        pass
    assert (done.seq, done.code) == (seq, 0)


def test_an_error_after_responses_ends_the_batch_with_its_text(tmp_path: Path) -> None:
    about = {"count": 5, "deed_after": 2}
    front = serve(fault(tmp_path, responses=about, deeds={"13": "raise"}))
    front.offer(np.full((1, 4), 13, np.float32))
    for _ in range(2):
        assert front.next().more
        front.take()
    done = front.next()
    assert (done.more, done.code, done.message) == (False, 13, "told to fail")
    front.offer(X)
    assert len(numbers(front)) == 5


def test_a_long_text_of_an_error_is_cut(tmp_path: Path) -> None:
    class Talks(Responding):
        def run(self, inputs: Inputs, outputs: Outputs) -> None:
            cast(Responses, outputs).ready()
            raise ValueError("x" * 5000)

    front = serve(Talks(lambda x, outputs: None))
    front.offer(X)
    message = front.next().message
    assert message.startswith("ValueError: xxx")
    assert len(message) == 970


CLASS = """
class Model:
    ended = 0

    def predict(self, batch):
        try:
            n = 0
            while True:
                yield {"y": batch["x"] + n}
                n += 1
        finally:
            self.ended += 1
"""


def test_a_class_sees_its_inputs_for_as_long_as_it_yields(tmp_path: Path) -> None:
    x, y = (TensorSpec(name, "FP32", (FREE, 4)) for name in "xy")
    backend = PythonBackend()
    path = save_python(tmp_path / "model.py", CLASS)
    backend.load(path, LoadOptions(inputs=(x,), outputs=(y,), decoupled=True))
    front = serve(backend)
    for round_ in range(1, 4):
        seq = front.offer(X * round_)
        for n in range(50):
            done = front.next()
            assert done.y is not None
            assert (done.y == X * round_ + np.float32(n)).all()
            front.take()
        front.cancel(seq)
        while front.next().more:
            pass
        assert backend._model.ended == round_
        front.clear()


def test_cancellation_and_responses_may_cross() -> None:
    backend = Counting()
    front = serve(backend)
    for round_ in range(1, 200):
        seq = front.offer(X)
        crossing = threading.Thread(target=front.cancel, args=(seq,))
        for _ in range(round_ % 4):
            assert front.next().more
            front.take()
        crossing.start()
        while front.next().more:
            front.take()
        crossing.join()
        assert backend.ends == round_
        front.clear()
