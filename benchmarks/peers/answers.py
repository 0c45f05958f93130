"""The first question to a server, its answer compared with ONNX Runtime's.

A server that quickly answers errors or nothing would look fast, so each must give one
right answer before anything is timed; afterwards the load generator compares every answer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.load.question import METHOD, Question
from benchmarks.processes import BenchmarkError
from runtime.messages import Message, ModelInferResponse

if TYPE_CHECKING:
    from numpy.typing import NDArray

CALL_S = 10.0


def answers_right(target: str, question: Question) -> bool:
    """Ask once: False while nobody answers, BenchmarkError for a wrong answer."""
    import grpc

    unlimited = [("grpc.max_receive_message_length", -1)]
    with grpc.insecure_channel(target, options=unlimited) as channel:
        call: Callable[..., bytes] = channel.unary_unary(METHOD)
        try:
            reply = call(question.body, timeout=CALL_S)
        except grpc.RpcError:
            return False
    check(ModelInferResponse.FromString(reply), question.answer)
    return True


def check(reply: Message, answer: NDArray[np.float32]) -> None:
    """Raise BenchmarkError unless a reply has these numbers."""
    raw = reply.raw_output_contents
    if len(raw) != 1 or len(raw[0]) != answer.nbytes:
        sizes = [len(content) for content in raw]
        raise BenchmarkError(
            f"the answer has raw contents of {sizes} bytes, not {answer.nbytes}"
        )
    values = np.frombuffer(raw[0], np.float32).reshape(answer.shape)
    if not np.allclose(values, answer, rtol=1e-3, atol=1e-5):
        raise BenchmarkError(f"the answer is wrong: {values.ravel()[:8]}")
