"""What a training script says of its rows is what a server holds its requests to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc as triton
from sklearn.linear_model import LogisticRegression
from tritonclient.utils import InferenceServerException
from typer.testing import CliRunner

from runtime import registry
from runtime.cli import app as cli
from runtime.profiles import Reference
from runtime.testing.running import RunningServer
from runtime.testing.waiting import wait_until
from tests.integration.calls import Array, tensors

NAMES = ("age", "income", "debt", "years")
CONTRACT = {"features": {"age": {"range": [-6, 6], "missing": 0}}}
ROWS = np.random.default_rng(7).normal(size=(4_000, 4)).astype(np.float32)
LOOKS = ("--monitor-interval", "0.05")


@pytest.fixture(scope="module")
def pushed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("registry")
    model = LogisticRegression().fit(ROWS, ROWS[:, 1] > 0)
    columns = dict(zip(NAMES, ROWS.T, strict=True))
    registry.push(
        "credit", model, place, sample=ROWS, alias="champion", contract=CONTRACT,
        reference=Reference.from_rows(columns),
    )  # fmt: skip
    return place


@pytest.fixture
def server(pushed: Path, tmp_path: Path) -> Iterator[RunningServer]:
    follows = ("--registry", str(pushed), "--model", "credit@champion")
    with RunningServer(None, *follows, "--state-dir", str(tmp_path), *LOOKS) as running:
        yield running


def told(server: RunningServer, *words: str) -> dict[str, Any]:
    where = ["--server", str(server.about["control"]), "--json"]
    done = CliRunner().invoke(cli, [*words, *where])
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def send(server: RunningServer, batches: int, rows: Array) -> None:
    with triton.InferenceServerClient(server.grpc) as client:
        for _ in range(batches):
            client.infer("credit", tensors(X=rows))


def test_a_pushed_reference_is_in_use_from_the_first_row(server: RunningServer) -> None:
    rng = np.random.default_rng(3)
    drifted = rng.normal(size=(50, 4)).astype(np.float32)
    drifted[:, 1] += 1.0
    drifted[:3, 0] = 50.0
    send(server, 40, drifted)

    def firing() -> set[tuple[str, str]]:
        return {
            (alarm["name"], alarm["aspect"])
            for alarm in told(server, "alarms", "list")["alarms"]
        }

    wanted = {("income", "drift"), ("age", "out_of_range")}
    wait_until(lambda: wanted <= firing(), lambda: f"{wanted}, not {firing()}")
    assert firing() == wanted
    [status] = told(server, "drift", "status")["versions"]
    assert status["reference"]["origin"] == "the version's files"
    assert int(status["reference"]["rows"]) == 4_000
    assert "its first rows" in status["note"]  # What the outputs are held to.


def test_its_digest_is_what_the_registry_calls_it(
    server: RunningServer, pushed: Path
) -> None:
    done = CliRunner().invoke(
        cli, ["registry", "--dir", str(pushed), "show", "credit/1", "--json"]
    )
    profile = json.loads(done.stdout)["manifest"]["profile"]
    send(server, 1, ROWS[:8])

    def digest() -> str:
        [status] = told(server, "drift", "status")["versions"]
        return str(status.get("reference", {}).get("digest"))

    wait_until(lambda: digest() == f"sha256:{profile}", digest)


def test_requests_that_are_refused_are_an_alarm(server: RunningServer) -> None:
    with triton.InferenceServerClient(server.grpc) as client:
        for _ in range(60):
            with pytest.raises(InferenceServerException, match="has shape"):
                client.infer("credit", tensors(X=ROWS[:1, :3].copy()))

    def aspects() -> list[str]:
        alarms = told(server, "alarms", "list")["alarms"]
        return [alarm["aspect"] for alarm in alarms]

    wait_until(lambda: aspects() == ["schema"], lambda: f"schema, not {aspects()}")


def test_a_file_of_rows_becomes_a_reference(tmp_path: Path) -> None:
    table = tmp_path / "rows.csv"
    lines = ["age,income,label", *(f"{a:.4f},{b:.4f},1" for a, b, *_ in ROWS[:200])]
    table.write_text("\n".join(lines) + "\n")
    made = tmp_path / "reference.json"
    command = ["monitor", "reference", str(table), "-o", str(made), "--without", "label"]
    done = CliRunner().invoke(cli, [*command, "--range", "age=-9:9"])
    assert done.exit_code == 0, done.output
    reference = Reference.from_bytes(made.read_bytes())
    assert [feature.name for feature in reference.features] == ["age", "income"]
    assert reference.feature("age").range_is_given
    assert reference.digest[:12] in done.stdout


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        (["--without", "labels"], "there is no column 'labels'; known: x"),
        (["--columns", "a,b"], "rows have 4 values, not 2"),
        (["--range", "x=1"], "'x=1' is no range; it is COLUMN=LOW:HIGH"),
        (["--range", "y=1:2"], "ranges are given for y: no such columns"),
        (["--categorical", "q"], "there is no column q to be categorical"),
    ],
)
def test_what_a_reference_cannot_be_made_of_is_named(
    extra: list[str], words: str, tmp_path: Path
) -> None:
    np.save(tmp_path / "rows.npy", ROWS[:50])
    rows, made = str(tmp_path / "rows.npy"), str(tmp_path / "r.json")
    done = CliRunner().invoke(cli, ["monitor", "reference", rows, "-o", made, *extra])
    assert words in str(done.exception)
    assert not (tmp_path / "r.json").exists()
