"""What the clients ask, and how answers are checked.

Both clients send the same bytes. Our generator compares the numbers of every answer with
those that ONNX Runtime gave. The grpc-core client compares the size and the beginning of
every reply, up to the numbers, with one that was asked through grpcio before and whose
numbers were right. (They differ in the last bits between batch sizes.)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.processes import BenchmarkError, Server
from runtime.capacity.scenario import Ask
from runtime.messages import ModelInferRequest, ModelInferResponse

if TYPE_CHECKING:
    from numpy.typing import NDArray

METHOD = "/inference.GRPCInferenceService/ModelInfer"
TORCH_TYPES = {"FP32": "tensor(float)", "INT64": "tensor(int64)"}
DATATYPES = {"float32": "FP32", "int64": "INT64"}
CALL_S = 30.0


@dataclass(frozen=True, slots=True)
class Question:
    """One row for a model: the message, also in a file, and the row and its answer.

    `data` and `golden` are files of arrays, as `leeboard bench load` reads them.
    """

    model: str
    body: bytes
    message: Path
    data: Path
    golden: Path
    answer: NDArray[np.float32]

    def ask(self, target: str) -> Ask:
        """Return the question as our generator asks it, answers checked."""
        return Ask(target, self.model, data=self.data, golden=self.golden)


@dataclass(frozen=True, slots=True)
class Expectation:
    """What one server's replies to a question look like."""

    prefix: Path
    size: int


def sample(tensor_type: str, shape: list[int]) -> NDArray[np.float32] | NDArray[np.int64]:
    """Return one row of seeded input for a model's tensor."""
    rng = np.random.default_rng(7)
    if tensor_type == "tensor(int64)":
        return rng.integers(0, 30_000, shape, dtype=np.int64)
    return rng.standard_normal(shape, dtype=np.float32)


def save_arrays(path: Path, arrays: dict[str, Any]) -> None:
    """Write arrays by name."""
    np.savez(path, **arrays)


@dataclass(frozen=True, slots=True)
class Known:
    """One row of a model's input, and its answer as the model itself gives it."""

    input: str
    row: NDArray[np.float32] | NDArray[np.int64]
    output: str
    answer: NDArray[np.float32]


def known_to_onnxruntime(model: Path) -> Known:
    """Ask ONNX Runtime."""
    from benchmarks.peers.session import open_session, row_dims

    session = open_session(model)
    tensor = session.get_inputs()[0]
    row = sample(tensor.type, [1, *row_dims(tensor)])
    output = session.get_outputs()[0].name
    return Known(tensor.name, row, output, session.run([output], {tensor.name: row})[0])


def known_to_torch(model: Path) -> Known:
    """Ask PyTorch; names are those that our backend gives."""
    import torch

    from benchmarks.peers.torch_bare import open_backend, open_bare

    backend = open_backend(model)
    signature = backend.signature()
    backend.close()
    spec = signature.inputs[0]
    row = sample(TORCH_TYPES[spec.datatype], [1, *spec.shape[1:]])
    with torch.inference_mode():
        answer = open_bare(model)(torch.from_numpy(row)).numpy()
    return Known(spec.name, row, signature.outputs[0].name, answer)


def make_question(model: Path, folder: Path) -> Question:
    """Write a request for one row and compute its answer with the model's own runtime."""
    is_torch = model.suffix == ".pt2"
    known = known_to_torch(model) if is_torch else known_to_onnxruntime(model)
    row = known.row
    request = ModelInferRequest(model_name=model.stem)
    datatype = DATATYPES[str(row.dtype)]
    request.inputs.add(name=known.input, datatype=datatype, shape=row.shape)
    request.raw_input_contents.append(row.tobytes())
    body = request.SerializeToString()
    message = folder / f"{model.stem}.message"
    message.write_bytes(body)
    data, golden = (folder / f"{model.stem}.{what}.npz" for what in ("data", "golden"))
    save_arrays(data, {known.input: row})
    save_arrays(golden, {known.output: known.answer})
    return Question(model.stem, body, message, data, golden, known.answer)


def check_answer(server: Server, question: Question, folder: Path) -> Expectation:
    """Ask once; raise BenchmarkError unless the answer is right."""
    import grpc

    unlimited = [("grpc.max_receive_message_length", -1)]
    with grpc.insecure_channel(server.address.target, options=unlimited) as channel:
        call: Callable[..., bytes] = channel.unary_unary(METHOD)
        reply = call(question.body, timeout=CALL_S)
    answer = ModelInferResponse.FromString(reply)
    raw = answer.raw_output_contents[0]
    values = np.frombuffer(raw, np.float32).reshape(answer.outputs[0].shape)
    if values.shape != question.answer.shape or not np.allclose(
        values, question.answer, rtol=1e-3, atol=1e-5
    ):
        raise BenchmarkError(f"{server.name} gives a wrong answer: {values.ravel()[:8]}")
    prefix = folder / f"{server.name}.prefix"
    prefix.write_bytes(reply[: reply.rfind(raw)])
    return Expectation(prefix, len(reply))
