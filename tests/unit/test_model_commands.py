"""``leeboard models`` as a person types it, before a server with knobs."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from runtime import model_commands
from runtime.backends.report import LoadReport, Step
from runtime.errors import ConfigError
from runtime.listing import Listed, Shown
from runtime.messages import ModelConfigResponse
from runtime.model_commands import models

WIDE = {"COLUMNS": "160", "TERM": "dumb", "NO_COLOR": "1"}
LISTED = Listed("fraud", "1", "READY", "")
REPORT = LoadReport(
    batchable=True,
    warmed=True,
    notes=("a note [bold]",),
    run_us=12.4,
    digest="abc123",
    file_bytes=4096,
    memory_bytes=3 << 20,
    steps=(Step("open", 0.25, "onnxruntime_onnx"),),
)


def command(*arguments: str) -> Any:
    return CliRunner(env=WIDE).invoke(models, arguments)


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = ModelConfigResponse()
    answer.config.max_batch_size = 8
    answer.config.input.add(name="x", data_type=11, dims=[3])
    found = Shown(LISTED, answer.config, json.loads(json.dumps(asdict(REPORT))))
    monkeypatch.setattr(model_commands, "show_model", lambda *given, call: [found])


def test_all_models_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_commands, "list_models", lambda url, call: [LISTED])
    assert "fraud" in command("list").output
    assert json.loads(command("list", "--json").output) == [asdict(LISTED)]


@pytest.mark.usefixtures("shown")
def test_a_model_is_shown_step_by_step() -> None:
    output = command("show", "fraud").output
    for words in (
        "fraud version 1: READY", "dims of a row", "FP32", "[3]",
        "open", "250.0", "onnxruntime_onnx", "note: a note [bold]",
        "file 4,096 bytes, memory 3.0 MiB, one row 12 us, sha256 abc123",
    ):  # fmt: skip
        assert words in output


@pytest.mark.usefixtures("shown")
def test_a_model_is_shown_as_json() -> None:
    (one,) = json.loads(command("show", "fraud", "--json").output)
    assert (one["name"], one["config"]["max_batch_size"]) == ("fraud", 8)
    assert one["load_report"]["digest"] == "abc123"


def test_load_and_unload_pass_on_what_was_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[Any, ...]] = []
    monkeypatch.setattr(
        model_commands, "load_model", lambda *given, call: asked.append(given)
    )
    monkeypatch.setattr(
        model_commands, "unload_model", lambda *given, call: asked.append(given)
    )
    path = tmp_path / "config.json"
    path.write_text("{}")
    done = command(
        "load", "fraud", "--version", "2", "--config", str(path), "--timeout", "5"
    )
    assert done.output == "fraud is loaded\n"
    assert command("unload", "fraud", "--url", "h:1").output == "fraud is unloaded\n"
    assert asked == [("127.0.0.1:8001", "fraud", "2", "{}", 5.0), ("h:1", "fraud", "")]


def test_a_config_that_cannot_be_read_is_named() -> None:
    done = command("load", "fraud", "--config", "nowhere.json")
    assert isinstance(done.exception, ConfigError)
    assert "nowhere.json cannot be read" in str(done.exception)
