"""A decoupled model that does as its input says, and clients that stream to it."""

from __future__ import annotations

import os
import queue
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import grpc
import numpy as np

from runtime.messages import ModelInferRequest, ModelStreamInferResponse

STREAM = "/inference.GRPCInferenceService/ModelStreamInfer"
NAME, FOREVER, PERMITTED = "counting", -1, 77
RAISE, WRONG, KILL, CRASH = 101, 102, 103, 104

MODEL = f"""
import os, signal
import numpy as np
from runtime.errors import InputError


class Model:
    def load(self, context):
        self.permits = context.model_folder / "permits"

    def predict(self, batch):
        count, size, deed = (int(value) for value in batch["ask"][0])
        permits = os.open(self.permits, os.O_RDONLY) if deed == {PERMITTED} else -1
        try:
            yield from self.respond(count, min(max(size, 0), 1 << 20), permits)
        finally:
            if permits >= 0:
                os.close(permits)
        if deed == {RAISE}:
            raise InputError("told to fail")
        if deed == {WRONG}:
            yield {{"number": np.zeros((1, 2), np.int64)}}
        if deed in ({KILL}, {CRASH}):
            os.kill(os.getpid(), signal.SIGKILL if deed == {KILL} else signal.SIGSEGV)

    def respond(self, count, size, permits):
        number = 0
        while number != count:
            if permits >= 0 and not os.read(permits, 1):
                return
            data = np.full((1, size), number % 256, np.uint8)
            yield {{"number": np.array([[number]]), "data": data}}
            number += 1
"""
SETTINGS = """
decoupled: true
max_batch_size: 1
inputs:
  - {name: ask, datatype: INT64, dims: [3]}
outputs:
  - {name: number, datatype: INT64, dims: [1]}
  - {name: data, datatype: UINT8, dims: [-1]}
"""


def save_counting(repository: Path) -> Path:
    """Write the model: `ask` is how many responses, bytes of each, and a deed.

    The deed `PERMITTED` takes a byte from the pipe ``counting/permits`` before each
    response; the others are done after the last one. Returns the pipe.
    """
    folder = repository / NAME
    (folder / "1").mkdir(parents=True)
    (folder / "1" / "model.py").write_text(MODEL)
    (folder / "leeboard.yaml").write_text(SETTINGS)
    # What the load check asks.
    np.savez(folder / "1" / "warmup.npz", ask=np.array([[2, 3, 0]]))
    os.mkfifo(folder / "permits")
    return folder / "permits"


def ask(
    count: int, size: int = 1, deed: int = 0, name: str = "", empty_final: bool = False
) -> bytes:
    """Return a request for `count` responses, as it travels."""
    request = ModelInferRequest(model_name=NAME, id=name)
    if empty_final:
        request.parameters["triton_enable_empty_final_response"].bool_param = True
    request.inputs.add(name="ask", datatype="INT64", shape=[1, 3])
    request.raw_input_contents.append(np.array([count, size, deed]).tobytes())
    return bytes(request.SerializeToString())


class Stream:
    """A ModelStreamInfer call of grpcio that reads only when it is asked."""

    def __init__(
        self, url: str, *metadata: tuple[str, str], timeout: float | None = None
    ) -> None:
        self._asked: queue.Queue[bytes | None] = queue.Queue()
        self._channel = grpc.insecure_channel(url)
        invoke: Any = self._channel.stream_stream(
            STREAM, bytes, ModelStreamInferResponse.FromString
        )
        self.call = invoke(iter(self._asked.get, None), metadata=metadata, timeout=timeout)

    def ask(self, *requests: bytes) -> None:
        """Send messages."""
        for request in requests:
            self._asked.put(request)

    def read(self) -> Any:
        """Return the next message."""
        return next(self.call)

    def rest(self) -> Iterator[Any]:
        """Say that no more requests come, and read to the end."""
        self._asked.put(None)
        yield from self.call

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._asked.put(None)
        self.call.cancel()
        self._channel.close()


def number_of(reply: Any) -> int:
    """Return which response a message is, counted from 0; it must be a good one."""
    assert reply.error_message == ""
    return int(np.frombuffer(reply.infer_response.raw_output_contents[0], np.int64)[0])


def is_final(reply: Any) -> bool:
    """Tell whether a message says that it is its request's last one."""
    parameters = reply.infer_response.parameters
    assert "triton_final_response" in parameters
    return bool(parameters["triton_final_response"].bool_param)


def read_numbers(stream: Stream) -> list[int]:
    """Return the numbers of responses up to an error message or a status."""
    numbers = []
    with suppress(grpc.RpcError):
        while not (reply := stream.read()).error_message:
            numbers.append(number_of(reply))
    return numbers
