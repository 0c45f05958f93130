"""What the loop publishes for a decoupled model, and when its backend is told to end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from runtime.backends.adapt import adapt
from runtime.backends.base import Inputs, LoadOptions, Outputs, Responses, Signature
from runtime.backends.declared import Declared
from runtime.errors import InputError, ModelError
from runtime.native.port import CANCELLED, NOTHING, ROOM, STOPPED
from runtime.testing.fake_backend import ONE_TO_ONE
from runtime.workers.loop import BatchLoop
from tests.unit.workers.fake_port import FakePort

Respond = Callable[[np.ndarray, Responses], None]


class Responding:
    """A backend whose `run` is a function of x and where the responses go."""

    def __init__(self, respond: Respond) -> None:
        self._respond = respond

    def load(self, path: Path, options: LoadOptions) -> None:
        """Load nothing."""

    def signature(self) -> Signature:
        """One input, one output."""
        return replace(ONE_TO_ONE, decoupled=True)

    def run(self, inputs: Inputs, outputs: Outputs) -> None:
        """Call the function."""
        self._respond(inputs["x"], cast(Responses, outputs))

    def close(self) -> None:
        """Free nothing."""


def claimed(room: int = 4096) -> FakePort:
    """A port with one batch of two rows of x."""
    port = FakePort(room)
    port.declare(1, ((4,), 16))
    port.lay(0, 2, np.arange(8, dtype=np.float32))
    port.claim((0, 2, 2, 0))
    return port


def run_once(port: FakePort, respond: Respond) -> None:
    backend = Responding(respond)
    BatchLoop(port.as_port(), backend, backend.signature(), batched=True).run_batch()


def give(*texts: np.ndarray) -> Respond:
    """Give these, as long as they are wanted."""

    def respond(x: np.ndarray, outputs: Responses) -> None:
        for values in texts:
            if not outputs.ready():
                return
            outputs.write("y", values)
            if not outputs.send():
                return

    return respond


def rows(value: float, count: int = 2) -> np.ndarray:
    return np.full((count, 4), value, np.float32)


def test_each_response_is_published_and_then_the_end() -> None:
    port = claimed()
    run_once(port, give(rows(1), rows(2, 5), rows(3, 0)))
    assert port.responses == [rows(1).tobytes(), rows(2, 5).tobytes(), b""]
    assert port.rings == 3
    ((count, grown, began, ended),) = port.published
    assert (count, grown) == (0, False)
    assert 0 < began <= ended


def test_all_of_them_lie_in_the_same_place() -> None:
    port = claimed()
    run_once(port, give(rows(1), rows(2)))
    assert port.records[0] == (0, 32, (2, 4))
    assert port.output(0).tolist() == rows(2).tolist()


def test_large_ones_have_regions_of_their_own() -> None:
    port = claimed(room=40)
    run_once(port, give(rows(1), rows(2, 3), rows(3)))
    assert port.responses == [rows(1).tobytes(), rows(2, 3).tobytes(), rows(3).tobytes()]


def test_there_may_be_none() -> None:
    port = claimed()
    run_once(port, give())
    assert (port.responses, len(port.published)) == ([], 1)


def test_memory_can_be_reserved_for_a_response() -> None:
    def respond(x: np.ndarray, outputs: Responses) -> None:
        for factor in (1, 2):
            assert outputs.ready()
            np.multiply(x, factor, out=outputs.reserve("y", x.shape))
            outputs.send()

    port = claimed()
    run_once(port, respond)
    x = np.arange(8, dtype=np.float32)
    assert port.responses == [x.tobytes(), (x * 2).tobytes()]


def test_it_waits_until_the_last_one_was_taken() -> None:
    port = claimed()
    port.rooms = [ROOM, NOTHING, NOTHING, ROOM]
    run_once(port, give(rows(1), rows(2)))
    assert (len(port.responses), port.rooms) == (2, [])


@pytest.mark.parametrize("why", [CANCELLED, STOPPED])
def test_when_nobody_waits_the_batch_ends(why: int) -> None:
    port = claimed()
    port.rooms = [ROOM, NOTHING, why]
    run_once(port, give(rows(1), rows(2), rows(3)))
    assert (len(port.responses), len(port.published), port.failed) == (1, 1, [])


def test_a_client_that_has_gone_is_seen_when_a_response_is_published() -> None:
    port = claimed()
    port.cancel_after = 2
    run_once(port, give(*map(rows, range(9))))
    assert (len(port.responses), len(port.published)) == (2, 1)


def refuse(x: np.ndarray, outputs: Responses) -> None:
    raise InputError("too long")


def stumble(x: np.ndarray, outputs: Responses) -> None:
    raise MemoryError("none")


def forget_to_send(x: np.ndarray, outputs: Responses) -> None:
    outputs.ready()
    outputs.write("y", x)


def fill_nothing(x: np.ndarray, outputs: Responses) -> None:
    outputs.ready()
    outputs.send()


def hurry(x: np.ndarray, outputs: Responses) -> None:
    outputs.write("y", x)


def mistake_the_width(x: np.ndarray, outputs: Responses) -> None:
    outputs.ready()
    outputs.write("y", x[:, :3])


@pytest.mark.parametrize(
    ("wrong", "code", "words"),
    [
        (refuse, 3, b"too long"),
        (stumble, 8, b"out of memory: none"),
        (forget_to_send, 13, b"filled outputs that it did not give as a response"),
        (fill_nothing, 13, b"did not produce its outputs 'y'"),
        (hurry, 13, b"'y' was filled before its response was ready"),
        (mistake_the_width, 13, b"shape [2, 3], the model declares [-1, 4]"),
    ],
)
@pytest.mark.parametrize("before", [0, 2])
def test_a_request_fails_with_what_the_backend_says_even_after_responses(
    wrong: Respond, code: int, words: bytes, before: int
) -> None:
    def respond(x: np.ndarray, outputs: Responses) -> None:
        give(*[rows(1)] * before)(x, outputs)
        wrong(x, outputs)

    port = claimed()
    run_once(port, respond)
    ((failed_code, message),) = port.failed
    assert failed_code == code
    assert words in message
    assert (len(port.responses), port.published) == (before, [])


def test_batches_follow_each_other() -> None:
    port = claimed()
    port.claims = [0, NOTHING, 0]
    backend = Responding(give(rows(1), rows(2)))
    BatchLoop(port.as_port(), backend, backend.signature(), batched=True).run(watch=-1)
    assert (len(port.responses), len(port.published)) == (4, 2)


def test_declared_shapes_are_those_of_every_response() -> None:
    y = Declared("y", "FP32", (2, 2), reshape=(4,))
    x = Declared("x", "FP32", (4,))
    backend = adapt(Responding(give(rows(1), rows(2, 3))), [x], [y], batched=True)
    port = claimed()
    BatchLoop(port.as_port(), backend, backend.signature(), batched=True).run_batch()
    assert len(port.responses) == 2
    assert port.records[0] == (0, 48, (3, 2, 2))


def test_a_model_error_names_no_other_batch() -> None:
    def fail_once(x: np.ndarray, outputs: Responses) -> None:
        if not port.failed:
            outputs.ready()
            outputs.write("y", x)
            raise ModelError("in the middle of one")
        give(rows(1))(x, outputs)

    port = claimed()
    port.claims = [0, 0]
    backend = Responding(fail_once)
    BatchLoop(port.as_port(), backend, backend.signature(), batched=True).run(watch=-1)
    assert port.failed == [(13, b"in the middle of one")]
    assert (port.responses, len(port.published)) == ([rows(1).tobytes()], 1)
