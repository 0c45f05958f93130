"""The life of a worker, led in this process over a real channel."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from runtime.backends.base import FREE, Signature, TensorSpec
from runtime.backends.plan import LoadPlan, as_message, signature_from
from runtime.backends.report import LoadReport
from runtime.errors import WorkerError
from runtime.models.queueing import QueueOptions
from runtime.native.served import Served, WorkerLink
from runtime.testing import models
from runtime.testing.fake_backend import ONE_TO_ONE
from runtime.workers.channel import Message, pair, receive, send
from runtime.workers.limits import Limits
from runtime.workers.main import FD_NAMES, answer, describe, serve
from runtime.workers.recorded import Request, Ring, Seen, Shape
from runtime.workers.recorded_file import write

MIB = 1 << 20


class Front:
    """The front end's side: says everything first, then hears what was answered."""

    def __init__(self) -> None:
        self.talk, self.theirs = pair()
        self.limits: list[Limits] = []
        self.steps: list[str] = []
        self.ends: list[bool] = []

    def say(self, message: Message, fds: list[int] | None = None) -> None:
        send(self.talk, message, fds)

    def hear(self) -> list[Message]:
        """Hang up, let the worker live its life, and return its answers and status."""
        self.talk.shutdown(socket.SHUT_WR)
        with self.theirs:
            status = serve(self.theirs, self.limits.append, lambda: self.ends.append(True))
        answers = []
        while (received := receive(self.talk)) is not None:
            if received[0]["kind"] == "step":
                self.steps.append(received[0]["name"])
            else:
                answers.append(received[0])
        return [*answers, {"status": status}]


@pytest.fixture
def front() -> Iterator[Front]:
    made = Front()
    with made.talk, made.theirs:
        yield made


def load_message(file: Path, **changes: object) -> Message:
    plan = as_message(LoadPlan(file, max_batch_size=4, cache_dir=file.parent))
    limits = {"memory_bytes": 0, "cpus": []}
    sizes = {"limits": limits, "recorded_bytes": MIB}
    return {"kind": "load", "plan": plan | changes, **sizes}


@pytest.fixture
def identity(tmp_path: Path) -> Path:
    return models.save_identity(tmp_path / "identity.onnx")


def test_a_signature_survives_the_way_through_a_message() -> None:
    signature = Signature(
        "onnx", (TensorSpec("x", "FP32", (FREE, 4)),), (TensorSpec("y", "BYTES", ()),), True
    )
    report = LoadReport(batchable=True, warmed=True, notes=("a note",))
    message: dict[str, Any] = json.loads(json.dumps(describe(signature, report, 1.5)))
    assert signature_from(message["signature"]) == signature
    many = replace(signature, decoupled=True)
    message = json.loads(json.dumps(describe(many, report, 1.5)))
    assert signature_from(message["signature"]) == many
    assert message["report"]["notes"] == ["a note"]
    assert (message["kind"], message["load_s"]) == ("loaded", 1.5)


def test_a_worker_without_work_ends_quietly(front: Front) -> None:
    assert front.hear() == [{"status": 0}]


def test_a_worker_whose_front_end_is_gone_after_loading_ends_quietly(
    front: Front, identity: Path
) -> None:
    front.say(load_message(identity))
    loaded, status = front.hear()
    assert (loaded["kind"], status) == ("loaded", {"status": 0})
    assert front.steps == [step["name"] for step in loaded["report"]["steps"]]
    assert signature_from(loaded["signature"]).outputs[0].name == "y"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"path": "nowhere.onnx"}, "nowhere.onnx is not a file"),
        ({"warmup": "nowhere.npz"}, "nowhere.npz"),
        ({"threads": "many"}, "TypeError: "),
    ],
)
def test_what_cannot_be_loaded_is_answered_with_the_reason(
    front: Front, identity: Path, changes: dict[str, str], words: str
) -> None:
    front.say(load_message(identity, **changes))
    failed, status = front.hear()
    assert (failed["kind"], status) == ("failed", {"status": 1})
    assert words in failed["reason"]


def test_attaching_without_memory_is_refused(front: Front, identity: Path) -> None:
    front.say(load_message(identity))
    front.say({"kind": "attach", "input_bytes": MIB, "output_bytes": MIB, "batched": True})
    with pytest.raises(WorkerError, match="did not send the shared memory"):
        front.hear()


def attach_message() -> tuple[Message, list[int], object]:
    """Return the message with its descriptors, and what keeps them open."""
    x, y = ((name, "FP32", (4,)) for name in "xy")
    served = Served(QueueOptions("m", "1", 4, 4, 0, 64, 0.0, 8 * MIB, [x], [y]))
    link = WorkerLink(8 * MIB)
    fds = {**link.fds, "inputs": served.inputs_fd}
    sizes = {"input_bytes": served.input_bytes, "output_bytes": link.output_bytes}
    message = {"kind": "attach", "batched": True, **sizes}
    return message, [fds[name] for name in FD_NAMES], (served, link)


def test_a_worker_that_was_asked_nothing_says_so_and_goes_on(
    front: Front, identity: Path
) -> None:
    message, fds, _held = attach_message()
    front.say(load_message(identity))
    front.say(message, fds)
    front.say({"kind": "recorded"})
    front.say({"kind": "recorded"})
    _, *rest = front.hear()
    nothing = {"kind": "recorded"}
    assert rest == [{"kind": "attached"}, nothing, nothing, {"status": 0}]


@pytest.mark.parametrize("size", [4, 5])
def test_requests_that_come_with_a_model_are_run_by_it(
    front: Front, identity: Path, size: int
) -> None:
    old = Signature(
        "onnx",
        (TensorSpec("x", "FP32", (FREE, 4)),),
        (TensorSpec("y", "FP32", (FREE, 4)),),
        True,
    )
    request = Request({"x": np.ones((2, size), np.float32)}, 2, (Seen("y", (4,), True),))
    fd = write([Shape((TensorSpec("x", "FP32", (size,)),), True, [request])])
    front.say(load_message(identity, successor_of=asdict(old)), [fd])
    os.close(fd)
    before = len(os.listdir("/proc/self/fd"))
    loaded, _ = front.hear()
    found = {step["name"]: step["found"] for step in loaded["report"]["steps"]}
    assert found["successor"] == "takes all requests"
    assert found.get("recorded") == ("1 of 1 requests of 1 shape" if size == 4 else None)
    assert loaded["report"]["notes"] == ([] if size == 4 else [
        "1 recorded requests do not fit this version",
        "no requests to the version before it were recorded",
    ])  # fmt: skip
    assert len(os.listdir("/proc/self/fd")) < before


def test_a_model_that_may_not_be_asked_twice_is_asked_nothing(
    front: Front, identity: Path
) -> None:
    request = Request({"x": np.ones((2, 4), np.float32)}, 2, (Seen("y", (4,), True),))
    fd = write([Shape((TensorSpec("x", "FP32", (4,)),), True, [request])])
    front.say({**load_message(identity), "recorded_bytes": 0}, [fd])
    os.close(fd)
    loaded, _ = front.hear()
    assert "recorded" not in [step["name"] for step in loaded["report"]["steps"]]
    assert loaded["report"]["notes"] == []


def test_what_cannot_be_read_of_them_is_only_noted(front: Front, identity: Path) -> None:
    ends = os.pipe()
    front.say(load_message(identity), [ends[0]])
    for fd in ends:
        os.close(fd)
    loaded, _ = front.hear()
    (note,) = loaded["report"]["notes"]
    assert note.startswith("the recorded requests cannot be read: ")


def test_a_ring_that_cannot_be_written_is_as_good_as_none(
    front: Front, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*given: object) -> int:
        raise OSError("no descriptors")

    monkeypatch.setattr(os, "memfd_create", refuse)
    ring = Ring(ONE_TO_ONE, True, MIB)
    x = np.zeros((1, 4), np.float32)
    ring.keep(Request({"x": x}, 1), [])
    front.say({"kind": "recorded"})
    assert answer(front.theirs, ring)
    assert receive(front.talk) == ({"kind": "recorded"}, [])
    assert "cannot be passed on: no descriptors" in caplog.text
    front.talk.close()
    assert not answer(front.theirs, ring)


def test_a_worker_serves_until_its_channel_hangs_up(front: Front, identity: Path) -> None:
    message, fds, _held = attach_message()
    before = len(os.listdir("/proc/self/fd"))
    front.say(load_message(identity))
    front.say(message, fds)
    loaded, *rest = front.hear()
    assert loaded["kind"] == "loaded"
    assert rest == [{"kind": "attached"}, {"status": 0}]
    assert len(os.listdir("/proc/self/fd")) < before  # Its end of the channel has gone.
