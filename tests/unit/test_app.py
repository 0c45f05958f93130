"""A whole server in this thread: its ready file, its exits, and what it leaves behind."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import signal
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families

from runtime.addresses import address
from runtime.app import App, serve
from runtime.config import Access, Batching, Config, Listen, Metrics, Workers
from runtime.errors import ConfigError
from runtime.events import EventRing
from runtime.metrics.exemplars import NO_EXEMPLARS
from runtime.running.files import write_atomically
from runtime.running.reloads import Reread
from runtime.server.numbers import Numbers
from runtime.testing import models

MIB = 1 << 20
MakeConfig = Callable[..., Config]


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "ready.json"
    for text in ("a long first text", "caf\xe9"):
        write_atomically(path, text)
        assert path.read_text("utf-8") == text
    assert os.listdir(tmp_path) == ["ready.json"]


def test_a_file_that_cannot_be_written_is_named_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot write .*none/ready\.json: No such file"):
        write_atomically(tmp_path / "none" / "ready.json", "text")
    (tmp_path / "taken").mkdir()
    with pytest.raises(ConfigError, match=r"cannot write .*taken: Is a directory"):
        write_atomically(tmp_path / "taken", "text")
    assert os.listdir(tmp_path) == ["taken"]


@pytest.mark.parametrize(
    ("host", "expected"), [("127.0.0.1", "127.0.0.1:80"), ("::1", "[::1]:80")]
)
def test_an_address_is_written_as_clients_take_it(host: str, expected: str) -> None:
    assert address(host, 80) == expected


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """Serves a small model on free ports, with a ready file."""
    return Config(
        models.save_identity(tmp_path / "same.onnx"),
        Listen(grpc_port=0, http_port=0),
        batching=Batching(max_batch_size=4),
        workers=Workers(input_bytes=8 * MIB, output_bytes=8 * MIB),
        cache_dir=tmp_path,
        ready_file=tmp_path / "ready.json",
    )


def get(app: App, path: str) -> str:
    assert app.endpoint is not None
    with urlopen(f"http://127.0.0.1:{app.endpoint.port}{path}", timeout=30) as answer:
        return str(answer.read().decode())


def test_a_server_announces_itself_once_it_is_ready_and_leaves_nothing(
    config: Config, tmp_path: Path
) -> None:
    heard: dict[str, Any] = {}

    async def life() -> int:
        app = App(config, lambda app: heard.update(ready=get(app, "/ready")))
        running = asyncio.create_task(app.run())
        while not (tmp_path / "ready.json").exists():
            await asyncio.to_thread(int)
        heard.update(json.loads((tmp_path / "ready.json").read_text()))
        assert app.endpoint is not None
        heard["ports"] = (app.plane.port, app.endpoint.port)
        app.stop()
        return await running

    before = set(os.listdir("/proc/self/fd"))
    assert asyncio.run(life()) == 0
    gc.collect()
    assert set(os.listdir("/proc/self/fd")) <= before
    assert (heard["ready"], heard["pid"]) == ("ready\n", os.getpid())
    assert (heard["grpc_port"], heard["http_port"]) == heard["ports"]
    assert heard["grpc"] == f"127.0.0.1:{heard['grpc_port']}"
    assert heard["models"] == {"same": "READY"}
    assert not (tmp_path / "ready.json").exists()


def test_a_scrape_has_every_version_and_the_server(config: Config) -> None:
    scraped: list[str] = []

    def look(app: App) -> None:
        scraped.append(get(app, "/metrics"))
        app.stop()

    assert serve(config, look) == 0
    names = {family.name for family in text_string_to_metric_families(scraped[0])}
    assert {"leeboard_ready", "leeboard_rows", "leeboard_server_calls_started"} <= names
    assert 'leeboard_ready{model="same",version="1"} 1\n' in scraped[0]


def test_changes_of_state_are_kept_and_tritons_names_can_be_left_out(
    config: Config,
) -> None:
    kept: list[EventRing] = []
    scraped: list[str] = []

    def look(app: App) -> None:
        kept.append(app.events)
        scraped.append(get(app, "/metrics"))
        app.stop()

    assert serve(replace(config, metrics=Metrics(triton_names=False)), look) == 0
    assert [event.event for event in kept[0].recent("same")] == [
        "worker_started", "loaded", "retired",
    ]  # fmt: skip
    assert "nv_" not in scraped[0]
    assert kept[0] not in logging.getLogger("runtime").handlers


def test_a_version_that_was_never_loaded_has_no_numbers(config: Config) -> None:
    assert config.path is not None
    config.path.write_bytes(b"not a model")
    app = asyncio.run(made(config))
    assert Numbers(app.plane, app.manager, NO_EXEMPLARS).versions() == []


async def made(config: Config) -> App:
    return App(config)


def test_sighup_loads_again_what_was_named_with_the_new_configuration(
    config: Config, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[Config] = []
    new = replace(config, exit_timeout_s=7.0)

    async def life() -> tuple[int, App]:
        app = App(config, reread=lambda: Reread(new, ("listen.host",)))
        loaded = asyncio.Event()

        def reload(given: Config) -> str:
            heard.append(given)
            loaded.set()
            return "two more"

        app.on_reload("tokens", reload)
        running = asyncio.create_task(app.run())
        while not (config.ready_file and config.ready_file.exists()):
            await asyncio.to_thread(int)
        os.kill(os.getpid(), signal.SIGHUP)
        await asyncio.wait_for(loaded.wait(), 60)
        while app.config is not new:
            await asyncio.to_thread(int)
        app.stop()
        return await running, app

    status, app = asyncio.run(life())
    assert (status, app.config, heard) == (0, new, [new])
    assert "changed, but needs a restart: listen.host" in caplog.messages


def test_a_port_in_use_ends_a_server_and_leaves_another_ones_ready_file(
    config: Config, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "ready.json").write_text("of the server that runs")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for listen in (
            Listen(grpc_port=port, http_port=0),
            Listen(http_port=port, grpc_port=0),
        ):
            assert serve(replace(config, listen=listen)) == 1
    words = f"cannot listen on 127.0.0.1:{port}: Address already in use"
    assert [r.getMessage() for r in caplog.records] == [words, words]
    assert (tmp_path / "ready.json").read_text() == "of the server that runs"


def test_a_server_with_nothing_to_serve_says_why_and_ends(
    config: Config, caplog: pytest.LogCaptureFixture
) -> None:
    assert config.path is not None
    config.path.write_bytes(b"not a model")
    assert serve(config) == 1
    assert any(m.startswith("not serving: same version 1: ") for m in caplog.messages)


def test_a_ready_file_that_cannot_be_written_ends_the_server(
    config: Config, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=r"cannot write .*none/ready\.json"):
        serve(replace(config, ready_file=tmp_path / "none" / "ready.json"))


def test_a_stop_while_models_load_ends_the_server(config: Config) -> None:
    async def life() -> int:
        app = App(config)
        running = asyncio.create_task(app.run())
        while app.endpoint is None:
            await asyncio.to_thread(int)
        app.stop()
        return await running

    assert asyncio.run(life()) == 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"batching": Batching(max_batch_size=-1)}, "--max-batch-size is -1"),
        ({"path": Path("nowhere")}, "nowhere does not exist"),
    ],
)
def test_what_is_wrong_in_a_configuration_is_found_before_anything_starts(
    config: Config, change: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        serve(replace(config, **change))


def test_listening_beyond_this_machine_is_warned_of(
    config: Config, caplog: pytest.LogCaptureFixture
) -> None:
    listen = Listen("0.0.0.0", 0, 0)
    with pytest.raises(ConfigError, match=r"0\.0\.0\.0 can be reached by others"):
        serve(replace(config, listen=listen))
    insecure = replace(config, listen=listen, access=Access(insecure=True))
    assert serve(insecure, App.stop) == 0
    warnings = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert warnings == [
        "--insecure: 0.0.0.0 can be reached by others without TLS or tokens; who reaches "
        "it can use and watch all models"
    ]
