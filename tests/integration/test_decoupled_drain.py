"""A server that stops while a decoupled model still answers."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import grpc

from runtime.testing.running import RunningServer
from runtime.testing.waiting import wait_until
from tests.integration.counting import (
    PERMITTED,
    Stream,
    ask,
    number_of,
    read_numbers,
    save_counting,
)


def test_a_drain_lets_responses_come_to_their_end(tmp_path: Path) -> None:
    pipe = os.open(save_counting(tmp_path), os.O_RDWR)
    with RunningServer(tmp_path) as server:
        with Stream(server.grpc) as stream:
            stream.ask(ask(5, deed=PERMITTED))
            os.write(pipe, b".")
            assert number_of(stream.read()) == 0
            server.signal(signal.SIGTERM)
            wait_until(lambda: any("drain" in line for line in server.log), "it drains")
            os.write(pipe, b"....")
            assert read_numbers(stream) == [1, 2, 3, 4]
            assert stream.call.code() is grpc.StatusCode.UNAVAILABLE
        assert server.wait() == 0
    os.close(pipe)
