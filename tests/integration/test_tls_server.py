"""A whole server with TLS and more than one address."""

from __future__ import annotations

import logging
import re
from dataclasses import replace
from pathlib import Path
from urllib.request import urlopen

import numpy as np
import pytest
import tritonclient.grpc as triton

from runtime.access.file import write
from runtime.app import App, serve
from runtime.config import MIB, Access, Config, Listen, Tls, Workers
from runtime.testing import models
from tests.integration.authority import Authority
from tests.integration.calls import tensors
from tests.integration.guarded import EVERYBODY
from tests.integration.secured import Keys

X = np.ones((1, 4), np.float32)


def configured(tmp_path: Path, keys: Keys, listen: Listen) -> Config:
    """Options of a server of one small model."""
    return Config(
        models.save_identity(tmp_path / "same.onnx", "FP32", ["N", 4]),
        listen,
        workers=Workers(input_bytes=8 * MIB, output_bytes=8 * MIB),
        tls=Tls(keys.server.certificate_path, keys.server.key_path, poll_s=3600),
        cache_dir=tmp_path,
    )


def ask(client: triton.InferenceServerClient) -> None:
    """Ask once and check the answer."""
    with client:
        answer = client.infer("same", tensors(x=X), client_timeout=30)
        assert (answer.as_numpy("y") == X).all()


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    authority = Authority(tmp_path)
    return Keys(authority, authority.sign())


def test_every_address_is_served_and_a_reload_takes_new_certificates(
    tmp_path: Path, keys: Keys, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "socket"
    config = configured(
        tmp_path, keys, Listen(grpc_port=0, http_port=0, also=(f"unix:{path}",))
    )
    ends: list[float] = []

    def look(app: App) -> None:
        try:
            ask(keys.triton(f"localhost:{app.plane.port}"))
            ask(triton.InferenceServerClient(f"unix:{path}"))
            ends.append(certificate_end(app))
            keys.authority.sign(days=300)
            assert app.certificates is not None
            app.certificates.reload(app.plane.set_tls)
            ends.append(certificate_end(app))
            ask(keys.triton(f"localhost:{app.plane.port}"))
        finally:
            app.stop()

    with caplog.at_level(logging.INFO):
        assert serve(config, look) == 0
    assert len(ends) == 2
    assert ends[1] - ends[0] > 200 * 86_400
    assert not path.exists()
    assert "new connections use the certificate that ends on" in caplog.text
    assert f"gRPC also on unix:{path}" in caplog.text


def certificate_end(app: App) -> float:
    """Return what /metrics says of the certificate."""
    assert app.endpoint is not None
    with urlopen(f"http://127.0.0.1:{app.endpoint.port}/metrics", timeout=30) as answer:
        text = answer.read().decode()
    found = re.search(r"^leeboard_tls_certificate_not_after_seconds (\S+)$", text, re.M)
    assert found is not None
    return float(found[1])


def test_listening_beyond_this_machine_with_tls_is_not_warned_of(
    tmp_path: Path, keys: Keys, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path / "tokens.yaml", EVERYBODY)
    config = replace(
        configured(tmp_path, keys, Listen("0.0.0.0", 0, 0)),
        access=Access(tmp_path / "tokens.yaml"),
    )
    assert serve(config, App.stop) == 0
    assert "can be reached by others" not in caplog.text
