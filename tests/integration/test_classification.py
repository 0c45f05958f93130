"""Outputs by class, as tritonclient asks for them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException

from runtime.backends.base import Signature, TensorSpec
from runtime.testing.fake_backend import FakeBackend
from runtime.testing.inline import InlineOptions, InlineServer
from tests.integration.calls import Array, tensors
from tests.integration.conftest import MakeInline

SIGNATURE = Signature(
    "fake",
    (TensorSpec("x", "FP32", (-1, 4)),),
    (
        TensorSpec("y", "FP32", (-1, 4)),
        TensorSpec("half", "FP16", (-1, 4)),
        TensorSpec("number", "INT64", (-1, 2, 2)),
        TensorSpec("text", "BYTES", (-1, 1)),
    ),
    batchable=True,
)
X = np.array([[0.25, 3.5, 3.5, -1.0], [9.0, 8.0, 7.0, 6.0]], np.float32)
LABELS = {"y": ("cat", "dog")}


def answer(arrays: dict[str, Array]) -> dict[str, Array]:
    x = arrays["x"]
    return {
        "y": x,
        "half": x.astype(np.float16),
        "number": x.astype(np.int64).reshape(-1, 2, 2),
        "text": np.full((len(x), 1), b"t", object),
    }


@pytest.fixture
def server(make_inline: MakeInline) -> InlineServer:
    return make_inline(FakeBackend(SIGNATURE, answer), options=InlineOptions(labels=LABELS))


@pytest.fixture
def client(server: InlineServer) -> Iterator[triton.InferenceServerClient]:
    with triton.InferenceServerClient(server.grpc) as client:
        yield client


def top(
    client: triton.InferenceServerClient, name: str, count: int, x: Array = X
) -> list[list[str]]:
    """Ask for the `count` highest classes of an output."""
    wanted = [triton.InferRequestedOutput(name, class_count=count)]
    found = client.infer("fake", tensors(x=x), outputs=wanted).as_numpy(name)
    assert found.dtype == object
    return [[value.decode() for value in row] for row in found]


def test_classes_come_by_falling_value_with_their_names(
    client: triton.InferenceServerClient,
) -> None:
    assert top(client, "y", 3) == [
        ["3.500000:1:dog", "3.500000:2", "0.250000:0:cat"],
        ["9.000000:0:cat", "8.000000:1:dog", "7.000000:2"],
    ]


@pytest.mark.parametrize(
    ("name", "first"), [("half", "3.500000:1"), ("number", "3:1"), ("y", "3.500000:1:dog")]
)
def test_every_kind_of_number_has_classes(
    client: triton.InferenceServerClient, name: str, first: str
) -> None:
    rows = top(client, name, 1000)
    assert [len(row) for row in rows] == [4, 4]
    assert rows[0][0] == first


def test_other_outputs_of_the_request_stay_tensors(
    client: triton.InferenceServerClient,
) -> None:
    wanted = [
        triton.InferRequestedOutput("half"),
        triton.InferRequestedOutput("y", class_count=1),
    ]
    found = client.infer("fake", tensors(x=X), outputs=wanted)
    assert found.as_numpy("half").tolist() == X.tolist()
    assert found.as_numpy("y").tolist() == [[b"3.500000:1:dog"], [b"9.000000:0:cat"]]


def test_a_model_without_batching_has_one_row_of_classes(make_inline: MakeInline) -> None:
    backend = FakeBackend(SIGNATURE, answer)
    server = make_inline(backend, options=InlineOptions(max_batch_size=0))
    with triton.InferenceServerClient(server.grpc) as client:
        wanted = [triton.InferRequestedOutput("y", class_count=2)]
        found = client.infer("fake", tensors(x=X), outputs=wanted).as_numpy("y")
    assert found.tolist() == [b"9.000000:4", b"8.000000:5"]


def test_text_has_no_classes(client: triton.InferenceServerClient) -> None:
    with pytest.raises(InferenceServerException, match="BYTES, which cannot be classified"):
        top(client, "text", 1)


def test_less_than_one_class_is_refused(client: triton.InferenceServerClient) -> None:
    with pytest.raises(InferenceServerException, match="expected 1 or more"):
        top(client, "y", -1)


def test_the_server_says_that_it_can(client: triton.InferenceServerClient) -> None:
    assert "classification" in client.get_server_metadata().extensions
