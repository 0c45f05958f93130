"""gRPC over a Unix socket."""

from __future__ import annotations

from pathlib import Path

import grpc
import pytest
import tritonclient.grpc as triton

from runtime.config import Address
from runtime.errors import ServerError
from runtime.testing.fake_backend import FakeBackend
from runtime.testing.inline import InlineOptions
from tests.integration.calls import rows, tensors
from tests.integration.conftest import MakeInline
from tests.integration.secured import is_live


def beside(path: Path) -> InlineOptions:
    """Options of a server that listens there, too."""
    return InlineOptions(also=(Address("", 0, str(path), tls=False),))


def test_tritonclient_and_grpcio_are_served(
    make_inline: MakeInline, tmp_path: Path
) -> None:
    path = tmp_path / "socket"
    server = make_inline(FakeBackend(), options=beside(path))
    assert path.stat().st_mode & 0o777 == 0o660
    with triton.InferenceServerClient(f"unix:{path}") as client:
        answer = client.infer("fake", tensors(x=rows(3)))
        assert (answer.as_numpy("y") == rows(3) * 2).all()
    with grpc.insecure_channel(f"unix:{path}") as channel:
        assert is_live(channel)
    assert len(server.plane.ports) == 1
    server.plane.stop()
    assert not path.exists()


def test_a_live_servers_socket_is_an_error_that_names_it(
    make_inline: MakeInline, tmp_path: Path
) -> None:
    path = tmp_path / "socket"
    make_inline(FakeBackend(), options=beside(path))
    with pytest.raises(ServerError, match=f"unix:{path}: another server answers there"):
        make_inline(FakeBackend(), options=beside(path))
    with triton.InferenceServerClient(f"unix:{path}") as client:
        assert client.is_server_live()


def test_a_drain_closes_the_socket_and_finishes_its_calls(
    make_inline: MakeInline, tmp_path: Path
) -> None:
    path = tmp_path / "socket"
    server = make_inline(FakeBackend(), options=beside(path))
    with triton.InferenceServerClient(f"unix:{path}") as client:
        assert client.is_server_live()
        server.plane.begin_drain()
        assert server.next_notice()[0] == "drained"
    assert not path.exists()
