"""A live server whose labels show a gap between groups: alarm, metrics, status, restart."""

from __future__ import annotations

import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc as triton

from runtime.app import App
from runtime.config import Config, Control, Listen, Monitoring, Registry
from runtime.control_client import ControlClient
from runtime.messages import message
from runtime.testing.models import save_identity
from runtime.testing.waiting import wait_until
from tests.integration.app_thread import running

SETTINGS = """models:
  fair:
    task: binary
    score: {output: y, column: 0}
    features: [score, b, c, sex]
    groups: [sex]
    labels: {baseline: 100, min_group: 20}
"""
REQUESTS, ROWS = 60, 8
FATES = {"written": (REQUESTS - 1) * ROWS, "without_id": ROWS}


@pytest.fixture
def config(tmp_path: Path) -> Config:
    folder = tmp_path / "fair" / "1"
    folder.mkdir(parents=True)
    save_identity(folder / "model.onnx")
    settings = tmp_path / "monitor.yaml"
    settings.write_text(SETTINGS)
    return Config(
        tmp_path / "fair",
        Listen(grpc_port=0, http_port=0),
        control=Control(port=0),
        registry=Registry(state=tmp_path / "state"),
        monitoring=Monitoring(interval_s=0.05, file=settings),
    )


def asked(app: App, method: str, request: str, response: str, **fields: Any) -> Any:
    assert app.control is not None
    with ControlClient(app.control.where) as client:
        made = message(f"leeboard.v1.{request}")(**fields)
        return client.call(
            f"/leeboard.v1.{method}", made, message(f"leeboard.v1.{response}")
        )


def serve(app: App, rng: np.random.Generator) -> None:
    """Ask for scores that favour group 1, and say by a coin what was true."""
    labels = []
    client = triton.InferenceServerClient(f"127.0.0.1:{app.plane.port}")
    for number in range(REQUESTS):
        rows = rng.random((ROWS, 4)).astype(np.float32)
        rows[:, 3] = np.arange(ROWS) % 2
        rows[:, 0] = np.where(rows[:, 3] == 1, 0.9, 0.1)
        tensor = triton.InferInput("x", rows.shape, "FP32")
        tensor.set_data_from_numpy(rows)
        client.infer("fair", [tensor], request_id=f"r{number}" if number else "")
        for row in range(ROWS):
            value = float(rng.random() < 0.5)
            labels.append(
                {"model": "fair", "request_id": f"r{number}", "row": row, "number": value}
            )
    client.close()
    asked(app, "Labels/PutLabels", "PutLabelsRequest", "PutLabelsResponse", labels=labels)


def quality(app: App) -> Any:
    return asked(app, "Labels/Quality", "QualityRequest", "QualityResponse")


def fates(app: App) -> dict[str, int]:
    """What became of predictions."""
    told = quality(app).standing.predictions
    return {name: count for name, count in told.items() if count}


def labels_of(app: App) -> int:
    """The labels that were taken of the version."""
    return int(quality(app).versions[0].labels)


def alarms(app: App) -> list[Any]:
    found = asked(app, "Monitor/Alarms", "AlarmsRequest", "AlarmsResponse")
    return [each for each in found.alarms if each.aspect == "gap"]


def test_a_gap_is_told_and_known_after_a_restart(
    config: Config, rng: np.random.Generator
) -> None:
    with running(config) as app:
        serve(app, rng)
        wait_until(lambda: len(alarms(app)) == 2, "both gaps are alarms")
        first = alarms(app)
        wait_until(lambda: fates(app) == FATES, lambda: f"{fates(app)} is {FATES}")
        page = urllib.request.urlopen(f"http://127.0.0.1:{app.http_port}/metrics").read()
    assert {each.name for each in first} == {
        "sex: demographic_parity", "sex: equal_opportunity",
    }  # fmt: skip
    parity = next(each for each in first if "parity" in each.name)
    assert (parity.kind, parity.state, parity.effect.value) == ("group", "firing", 1.0)
    assert parity.effect.tolerated == pytest.approx(0.1)
    assert "100 % of sex = 1 are said to be positive, 0 % of sex = 0" in parity.sentence
    assert b'leeboard_monitor_journal_predictions_total{outcome="without_id"} 8' in page
    with running(config) as app:
        again = alarms(app)
        wait_until(lambda: labels_of(app) == FATES["written"], "each label is counted once")
    # The last look may have found more labels: their time is in the sentence.
    assert {(each.id, each.episodes) for each in again} == {
        (each.id, each.episodes) for each in first
    }
    for each in first:
        assert any(told.sentence[:60] == each.sentence[:60] for told in again)
