"""What the loop publishes for batches that go well and for those that do not."""

from __future__ import annotations

import numpy as np
import pytest

from runtime.backends.base import Array
from runtime.errors import InputError
from runtime.native.port import NOTHING, STOPPED
from runtime.testing.fake_backend import FakeBackend, Function, doubled
from runtime.workers.loop import BatchLoop
from tests.unit.workers.fake_port import FakePort

CLAIMED = 0


def claimed(room: int = 4096) -> FakePort:
    """A port with one batch of two rows of x."""
    port = FakePort(room)
    port.declare(1, ((4,), 16))
    port.lay(0, 2, np.arange(8, dtype=np.float32))
    port.claim((0, 2, 2, 0))
    return port


def run_once(port: FakePort, answer: Function = doubled) -> FakeBackend:
    backend = FakeBackend(answer=answer)
    BatchLoop(port.as_port(), backend, backend.signature(), batched=True).run_batch()
    return backend


def test_outputs_are_published_with_the_time_that_the_model_took() -> None:
    port = claimed()
    run_once(port)
    ((count, grown, began, ended),) = port.published
    assert (count, grown) == (1, False)
    assert 0 < began <= ended
    assert port.output(0).tolist() == [[0, 2, 4, 6], [8, 10, 12, 14]]


def test_outputs_in_a_region_of_their_own_are_published_as_such() -> None:
    port = claimed(room=8)
    run_once(port)
    assert [grown for _, grown, _, _ in port.published] == [True]


def refuse(arrays: dict[str, Array]) -> dict[str, Array]:
    raise InputError("input 'x' is not to be had")


def produce_nothing(arrays: dict[str, Array]) -> dict[str, Array]:
    return {}


def produce_too_much(arrays: dict[str, Array]) -> dict[str, Array]:
    return {"y": np.zeros((3, 4), np.float32)}


@pytest.mark.parametrize(
    ("answer", "code", "words"),
    [
        (refuse, 3, b"input 'x' is not to be had"),
        (produce_nothing, 13, b"the model did not produce its outputs 'y'"),
        (produce_too_much, 13, b"its first dimension must be the batch's 2 rows"),
    ],
)
def test_a_batch_fails_with_what_the_backend_says(
    answer: Function, code: int, words: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    port = claimed()
    run_once(port, answer)
    ((failed_code, message),) = port.failed
    assert failed_code == code
    assert words in message
    assert (port.published, caplog.records) == ([], [])


def test_a_model_that_fails_fails_its_batch() -> None:
    port, backend = claimed(), FakeBackend()
    backend.fail_on = lambda _: True
    BatchLoop(port.as_port(), backend, backend.signature(), batched=True).run_batch()
    assert port.failed == [(13, b"told to fail")]


def test_an_unexpected_error_is_logged_and_fails_its_batch(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def stumble(arrays: dict[str, Array]) -> dict[str, Array]:
        return {"y": arrays["no such input"]}

    port = claimed()
    run_once(port, stumble)
    assert port.failed == [(13, b"KeyError: 'no such input'")]
    assert "the backend raised an unexpected error" in caplog.text
    assert "Traceback" in caplog.text


def test_the_loop_outlives_failures_and_idle_looks_and_ends_when_told() -> None:
    port, backend = claimed(), FakeBackend()
    backend.fail_on = lambda _: len(backend.batches) == 2
    port.claims = [CLAIMED, NOTHING, CLAIMED, NOTHING, CLAIMED, STOPPED, CLAIMED]
    BatchLoop(port.as_port(), backend, backend.signature(), batched=True).run(watch=-1)
    assert (len(port.published), len(port.failed)) == (2, 1)
    assert port.claims == [CLAIMED]
