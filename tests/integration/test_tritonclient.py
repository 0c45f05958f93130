"""An unmodified tritonclient against a server in another process."""

from __future__ import annotations

import asyncio

import numpy as np
import onnxruntime
import pytest
import tritonclient.grpc as triton
import tritonclient.grpc.aio as triton_aio
from tritonclient.utils import InferenceServerException

from runtime import __version__
from runtime.testing.running import RunningServer
from tests.integration.calls import rows, tensors

Client = triton.InferenceServerClient


def test_live_ready_and_metadata(client: Client) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    about = client.get_server_metadata()
    assert (about.name, about.version) == ("leeboard", __version__)
    assert "statistics" in about.extensions


def test_a_model_is_ready_or_not_and_never_an_error(client: Client) -> None:
    assert client.is_model_ready("mlp")
    assert client.is_model_ready("mlp", "1")
    assert not client.is_model_ready("mlp", "2")
    assert not client.is_model_ready("nobody")
    assert not client.is_model_ready("not_a_number")


def test_metadata_has_the_batch_dimension_and_the_config_has_not(client: Client) -> None:
    metadata = client.get_model_metadata("mlp")
    config = client.get_model_config("mlp").config
    assert list(metadata.inputs[0].shape) == [-1, 32]
    assert list(config.input[0].dims) == [32]
    assert config.max_batch_size == 64
    assert list(metadata.versions) == ["1"]


def test_a_model_that_mixes_rows_is_served_without_batching(client: Client) -> None:
    assert client.get_model_config("mean_over_batch").config.max_batch_size == 0
    x = rows(3)
    answer = client.infer("mean_over_batch", tensors(x=x)).as_numpy("y")
    np.testing.assert_allclose(answer, x - x.mean(axis=0))


def test_answers_are_those_of_onnxruntime(client: Client, repository: object) -> None:
    session = onnxruntime.InferenceSession(f"{repository}/mlp/1/model.onnx")
    x = np.random.default_rng(1).random((5, 32), dtype=np.float32)
    answer = client.infer("mlp", tensors(x=x), request_id="seven")
    np.testing.assert_allclose(
        answer.as_numpy("y"), session.run(None, {"x": x})[0], rtol=1e-5, atol=1e-6
    )
    response = answer.get_response()
    assert (response.id, response.model_version) == ("seven", "1")


@pytest.mark.parametrize(
    ("model", "values"),
    [
        (
            "text",
            np.array([[b"", b"a\0b"], ["\u00e9".encode(), b"x" * 5000]], dtype=object),
        ),
        ("half", np.array([[1, -2, 0.5]], np.float16)),
        ("truth", np.array([[True, False, True]])),
        ("width", np.ones((2, 7), np.float32)),
        ("width", np.ones((2, 0), np.float32)),
        ("scalars", np.ones(3, np.float32)),
    ],
)
def test_every_datatype_comes_back(client: Client, model: str, values: np.ndarray) -> None:
    answer = client.infer(model, tensors(x=values)).as_numpy("y")
    assert answer.shape == values.shape
    assert answer.tolist() == values.tolist()


def test_bf16_travels_as_bits(client: Client) -> None:
    tensor = triton.InferInput("x", [1, 3], "BF16")
    raw = np.array([0x3F80, 0xC000, 0x7F80], np.uint16).tobytes()
    vars(tensor)["_raw_content"] = raw  # Its own way needs a package for the type.
    response = client.infer("bits", [tensor]).get_response()
    bits = np.frombuffer(response.raw_output_contents[0], np.uint16)
    assert bits.tolist() == [0x3F80, 0xC000, 0x7F80]


def test_output_whose_size_the_data_decides(client: Client) -> None:
    x = np.array([[1, -1, 2, -2], [3, 4, -3, 5]], np.float32)
    answer = client.infer("positive_only", tensors(x=x)).as_numpy("y")
    assert answer.tolist() == [1, 2, 3, 4, 5]


def test_large_tensors_both_ways(client: Client) -> None:
    x = np.random.default_rng(2).random((20, 150_000), dtype=np.float32)
    assert (client.infer("big", tensors(x=x)).as_numpy("y") == x).all()


def test_only_requested_outputs_are_sent(client: Client) -> None:
    asked = [triton.InferRequestedOutput("y")]
    answer = client.infer("mlp", tensors(x=np.ones((1, 32), np.float32)), outputs=asked)
    assert [o.name for o in answer.get_response().outputs] == ["y"]


@pytest.mark.parametrize(
    ("model", "inputs", "code", "words"),
    [
        ("nobody", {"x": rows(1)}, "NOT_FOUND", "unknown model: 'nobody'"),
        ("not_a_number", {"x": rows(1)}, "UNAVAILABLE", "not finite"),
        ("mlp", {"z": rows(1)}, "INVALID_ARGUMENT", "no input 'z'; its inputs are 'x'"),
        ("mlp", {"x": rows(1)}, "INVALID_ARGUMENT", "[1,4], the model expects [-1,32]"),
        ("mlp", {"x": rows(65, width=32)}, "INVALID_ARGUMENT", "must have 1 to 64"),
        (
            "mlp",
            {"x": np.ones((1, 32))},
            "INVALID_ARGUMENT",
            "'FP64', the model expects FP32",
        ),
    ],
)
def test_a_bad_request_is_told_what_is_wrong(
    client: Client, model: str, inputs: dict[str, np.ndarray], code: str, words: str
) -> None:
    with pytest.raises(InferenceServerException) as caught:
        client.infer(model, tensors(**inputs))
    assert caught.value.status() == f"StatusCode.{code}"
    assert words in caught.value.message()


def test_a_wrong_version_is_not_found(client: Client) -> None:
    with pytest.raises(InferenceServerException, match="'mlp' version 99 is not found"):
        client.infer("mlp", tensors(x=rows(1, width=32)), model_version="99")


def test_a_bad_row_does_not_fail_its_neighbours(server: RunningServer) -> None:
    async def ask() -> list[object]:
        async with triton_aio.InferenceServerClient(server.grpc) as client:
            indices = [np.array([i if i != 5 else 99], np.int64) for i in range(10)]
            calls = [client.infer("embedding", tensors(x=index)) for index in indices]
            return await asyncio.gather(*calls, return_exceptions=True)

    answers = asyncio.run(ask())
    failed = [i for i, a in enumerate(answers) if isinstance(a, InferenceServerException)]
    assert failed == [5]
    assert "out of data bounds" in str(answers[5])


def test_bytes_that_are_not_text_are_the_clients_error_and_nobody_elses(
    server: RunningServer,
) -> None:
    async def ask() -> list[object]:
        async with triton_aio.InferenceServerClient(server.grpc) as client:
            texts = [b"one", b"\xff\xfe", b"three"]
            values = [np.array([[text, b""]], dtype=object) for text in texts]
            calls = [client.infer("text", tensors(x=value)) for value in values]
            return await asyncio.gather(*calls, return_exceptions=True)

    answers = asyncio.run(ask())
    failed = [i for i, a in enumerate(answers) if isinstance(a, InferenceServerException)]
    assert failed == [1]
    assert "[StatusCode.INVALID_ARGUMENT]" in str(answers[1])
    assert "not UTF-8" in str(answers[1])


def test_many_asyncio_clients_get_their_own_answers(server: RunningServer) -> None:
    async def ask() -> None:
        async with triton_aio.InferenceServerClient(server.grpc) as client:

            async def one(number: int) -> None:
                x = np.full((1 + number % 5, 2 + number % 3), number, np.float32)
                answer = await client.infer("width", tensors(x=x), request_id=str(number))
                assert answer.get_response().id == str(number)
                assert (answer.as_numpy("y") == x).all()

            await asyncio.gather(*(one(number) for number in range(200)))

    asyncio.run(ask())


def test_index_and_statistics(client: Client) -> None:
    index = {m.name: (m.version, m.state, m.reason) for m in
             client.get_model_repository_index().models}  # fmt: skip
    assert index["mlp"] == ("1", "READY", "")
    assert index["not_a_number"][1] == "UNAVAILABLE"
    before = client.get_inference_statistics("mlp").model_stats[0]
    client.infer("mlp", tensors(x=rows(3, width=32)))
    after = client.get_inference_statistics("mlp").model_stats[0]
    assert after.inference_count - before.inference_count == 3
    assert after.execution_count - before.execution_count == 1
    stats = after.inference_stats
    phases = (stats.queue, stats.compute_input, stats.compute_infer, stats.compute_output)
    assert {phase.count for phase in phases} == {stats.success.count}


def test_unknown_models_have_no_statistics(client: Client) -> None:
    with pytest.raises(InferenceServerException, match="unknown model: 'nobody'"):
        client.get_inference_statistics("nobody")


def test_unregistering_all_shared_memory_succeeds_and_registering_is_refused(
    client: Client,
) -> None:
    client.unregister_system_shared_memory()
    client.unregister_cuda_shared_memory()
    with pytest.raises(InferenceServerException) as caught:
        client.register_system_shared_memory("region", "/region", 64)
    assert caught.value.status() == "StatusCode.UNIMPLEMENTED"


def test_sequences_are_refused_and_priority_is_accepted(client: Client) -> None:
    x = np.ones((1, 32), np.float32)
    with pytest.raises(InferenceServerException, match="sequence"):
        client.infer("mlp", tensors(x=x), sequence_id=5, sequence_start=True)
    client.infer("mlp", tensors(x=x), priority=3)


def test_custom_parameters_are_accepted(client: Client) -> None:
    x = np.ones((1, 32), np.float32)
    client.infer("mlp", tensors(x=x), parameters={"who": "me", "n": 3, "f": 0.5, "b": True})
