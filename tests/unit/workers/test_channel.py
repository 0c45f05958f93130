"""Messages and descriptors between the front end and a worker."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator

import pytest

from runtime.errors import WorkerError
from runtime.workers.channel import LARGEST, Message, pair, receive, send

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def ends() -> Iterator[Pair]:
    ours, theirs = pair()
    with ours, theirs:
        yield ours, theirs


def test_each_message_arrives_whole_and_in_order(ends: Pair) -> None:
    ours, theirs = ends
    messages: list[Message] = [
        {"kind": "load", "path": "caf\xe9"},
        {},
        {"kind": "attach", "dims": [1, 2]},
    ]
    for message in messages:
        send(ours, message)
    assert [receive(theirs) for _ in messages] == [(message, []) for message in messages]


def test_descriptors_travel_with_their_message(ends: Pair) -> None:
    ours, theirs = ends
    reader, writer = os.pipe()
    send(ours, {"kind": "attach"}, [reader, writer])
    os.close(reader)
    os.close(writer)
    received = receive(theirs)
    assert received is not None
    reader, writer = received[1]
    os.write(writer, b"through the pipe")
    assert os.read(reader, 100) == b"through the pipe"
    os.close(reader)
    os.close(writer)


def test_neither_end_passes_to_programs_that_are_started(ends: Pair) -> None:
    assert [end.get_inheritable() for end in ends] == [False, False]


def test_the_end_of_the_other_side_is_none(ends: Pair) -> None:
    ours, theirs = ends
    send(ours, {"kind": "last"})
    ours.close()
    assert receive(theirs) == ({"kind": "last"}, [])
    assert receive(theirs) is None


def test_an_end_with_messages_unread_is_none(ends: Pair) -> None:
    ours, theirs = ends
    send(ours, {"kind": "never read"})
    theirs.close()
    assert receive(ours) is None


def test_sending_to_nobody_is_a_worker_error(ends: Pair) -> None:
    ours, theirs = ends
    theirs.close()
    with pytest.raises(WorkerError, match="the other side of a worker's channel is gone"):
        send(ours, {"kind": "load"})


def test_the_largest_message_fits_and_a_larger_one_is_refused(ends: Pair) -> None:
    ours, theirs = ends
    room = LARGEST - len(json.dumps({"text": ""}))
    send(ours, {"text": "x" * room})
    assert receive(theirs) == ({"text": "x" * room}, [])
    with pytest.raises(WorkerError, match=f"of {LARGEST + 1} bytes does not fit"):
        send(ours, {"text": "x" * (room + 1)})
