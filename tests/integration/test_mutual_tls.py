"""Clients that must show a certificate."""

from __future__ import annotations

from pathlib import Path

import pytest
from tritonclient.utils import InferenceServerException

from runtime.testing.fake_backend import FakeBackend
from tests.integration.authority import Authority
from tests.integration.calls import rows, tensors
from tests.integration.conftest import MakeInline
from tests.integration.secured import Keys, keys


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return keys(tmp_path_factory.mktemp("keys"), mutual=True)


def test_a_client_with_a_certificate_is_served(make_inline: MakeInline, ours: Keys) -> None:
    server = make_inline(FakeBackend(), options=ours.options())
    with ours.triton(server.grpc, ours.authority.sign("robot")) as client:
        answer = client.infer("fake", tensors(x=rows(3)))
        assert (answer.as_numpy("y") == rows(3) * 2).all()


def test_a_client_without_one_is_refused(make_inline: MakeInline, ours: Keys) -> None:
    server = make_inline(FakeBackend(), options=ours.options())
    with (
        ours.triton(server.grpc) as client,
        pytest.raises(InferenceServerException, match="UNAVAILABLE"),
    ):
        client.infer("fake", tensors(x=rows(1)), client_timeout=10)
    assert server.server_counts()["requests"] == 0


def test_a_client_of_another_authority_is_refused(
    make_inline: MakeInline, ours: Keys, tmp_path: Path
) -> None:
    server = make_inline(FakeBackend(), options=ours.options())
    theirs = Authority(tmp_path, "stranger").sign("robot")
    with (
        ours.triton(server.grpc, theirs) as client,
        pytest.raises(InferenceServerException, match="UNAVAILABLE"),
    ):
        client.infer("fake", tensors(x=rows(1)), client_timeout=10)
    assert server.server_counts()["requests"] == 0


def test_a_certificate_that_has_ended_is_refused(
    make_inline: MakeInline, ours: Keys
) -> None:
    server = make_inline(FakeBackend(), options=ours.options())
    with (
        ours.triton(server.grpc, ours.authority.sign("old", days=-0.5)) as client,
        pytest.raises(InferenceServerException, match="UNAVAILABLE"),
    ):
        client.infer("fake", tensors(x=rows(1)), client_timeout=10)
    assert server.server_counts()["requests"] == 0
