"""``leeboard labels push`` and ``leeboard quality status`` against a real control port."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from runtime.access.decisions import AccessTable
from runtime.access.identities import Identity, Quota, Token
from runtime.access.roles import Role
from runtime.access.tokens import digest_of
from runtime.cli import app
from runtime.errors import ServerError
from runtime.labels_commands import AT_ONCE
from runtime.monitor.quality_books import QualityBooks
from runtime.monitor.signals import VersionPromoted
from runtime.server.control import ControlServer, Guard
from runtime.server.labels_service import LabelsService
from tests.unit.monitor.journal_desk import NOW, WAIT_S, Desk, prediction
from tests.unit.monitor.quality_pairs import BINARY

LABELS = replace(BINARY.labels, maturity_s=100.0, baseline=50)
WATCH = replace(BINARY, groups=("sex",), labels=LABELS)
LARA = Identity("lara", Role.LABELER, ("fraud",), Quota(), (Token(digest_of("secret")),))


class Port(Desk):
    """A journal behind a control port, on a thread with a loop of its own."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / "journal")
        self.table: AccessTable | None = None
        self.books = QualityBooks(self.journal, lambda: {"fraud": WATCH}, self.clock)
        self.books.promoted(VersionPromoted("fraud", 3, NOW))
        service = LabelsService(self.journal, self.books)
        self.where = f"unix:{folder}/control"
        self._server = ControlServer(self.where, 0, Guard([service], lambda: self.table))
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._wait(self._server.open())

    def _wait(self, act: Any) -> None:
        asyncio.run_coroutine_threadsafe(act, self._loop).result(WAIT_S)

    def close(self) -> None:
        self._wait(self._server.close(0.0))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(WAIT_S)
        self._loop.close()
        self.journal.close()

    def run(self, *given: object, token: str = "") -> Any:
        env = {
            "COLUMNS": "200", "TERM": "dumb", "NO_COLOR": "1",
            "LEEBOARD_SERVER": self.where, "LEEBOARD_TOKEN": token,
        }  # fmt: skip
        return CliRunner(env=env).invoke(app, [str(each) for each in given])

    def says(self, *given: object, token: str = "") -> str:
        result = self.run(*given, token=token)
        assert result.exit_code == 0, (result.output, result.exception)
        return str(result.stdout)


@pytest.fixture
def port(tmp_path: Path) -> Iterator[Port]:
    port = Port(tmp_path)
    yield port
    port.close()


def labels_file(folder: Path, n: int) -> Path:
    path = folder / "labels.csv"
    lines = [f"r{k},{k % 2}" for k in range(n)]
    path.write_text("\n".join(["request_id,value", *lines]))
    return path


def test_labels_of_a_file_are_sent_and_summed_up(port: Port, tmp_path: Path) -> None:
    n = AT_ONCE + 7
    port.add([prediction(k) for k in range(n - 2)])
    path = labels_file(tmp_path, n)
    with path.open("a") as file:
        file.write(f"\nr1,1\nr2,1\nr3,nan\nr{n}x,1")
    said = port.says("labels", "push", path, "--model", "fraud").splitlines()
    assert said[0] == f"{n + 4} labels were sent"
    assert [line.split(maxsplit=1) for line in said[1:6]] == [
        [str(n - 2), "accepted"],
        ["3", "early: kept until the prediction comes"],
        ["1", "said before"],
        ["1", "contradict what was said before, which stays"],
        ["1", "not to be meant"],
    ]
    assert said[6] == (
        f"line {n + 3}: contradiction: label 8 (fraud request 'r2' row 0): "
        "it was said to be 0 before"
    )
    again = json.loads(port.says("labels", "push", path, "--model", "fraud", "--json"))
    assert (again["labels"], again["accepted"], again["duplicates"]) == (n + 4, 0, n + 2)
    assert len(again["problems"]) == 2


def test_what_was_sent_before_a_refusal_is_told(port: Port, tmp_path: Path) -> None:
    port.table = AccessTable([LARA])
    path = tmp_path / "both.csv"
    fraud = [f"r{n},fraud,1" for n in range(AT_ONCE)]
    path.write_text("\n".join(["request_id,model,value", *fraud, "r0,spam,1"]))
    refused = port.run("labels", "push", str(path), token="secret")
    assert "may not use the model 'spam'" in str(refused.exception)
    assert f"({AT_ONCE} labels were sent before; push the file again)" in str(
        refused.exception
    )


def test_labels_need_the_role(port: Port, tmp_path: Path) -> None:
    path = labels_file(tmp_path, 3)
    port.table = AccessTable([LARA])
    refused = port.run("labels", "push", path, "--model", "fraud", token="other")
    assert isinstance(refused.exception, ServerError)
    assert "UNAUTHENTICATED" in str(refused.exception)
    assert "sent before" not in str(refused.exception)
    others = port.run("labels", "push", path, "--model", "spam", token="secret")
    assert "may not use the model 'spam'" in str(others.exception)
    assert "3 labels were sent" in port.says(
        "labels", "push", path, "--model", "fraud", token="secret"
    )


def test_the_status_is_a_table_with_gaps_and_warnings(port: Port, tmp_path: Path) -> None:
    given = [
        prediction(k, 0.9 if k % 2 else 0.1, groups={"sex": "fm"[k // 2 % 2]})
        for k in range(120)
    ]
    port.add(given)
    port.says("labels", "push", labels_file(tmp_path, 100), "--model", "fraud")
    port.journal.flush().result(WAIT_S)
    port.books.look()
    port.clock.now = NOW + 1_000
    said = port.says("quality", "status")
    assert said.startswith("fraud version 3 (binary)\n")
    assert "100 taken; window 2030-03-17 17:46:40+00:00" in said
    assert "100 of 120 matured predictions" in said
    assert "accuracy" in said
    assert "0.963 to 1 " in said
    assert "demographic_parity by sex: 0 (0 to 0." in said
    assert "not surely over what is tolerated, 0.1" in said
    values = json.loads(port.says("quality", "status", "fraud", "--json"))
    assert [each["model"] for each in values["versions"]] == ["fraud"]
    assert values["journal"] == "open"
    assert "journal    120 predictions in " in said
    assert ", the eldest of 2030-03-17 17:46:40+00:00" in said
    assert "predictions since the start: 120 written" in said
    assert "labels since the start: 100 accepted" in said


def test_where_nothing_is_judged_that_is_said(port: Port) -> None:
    port.journal.flush().result(WAIT_S)
    said = port.says("quality", "status", "ham").splitlines()
    assert said[0] == "no version is judged by labels here"
    assert said[1].startswith("journal    0 predictions in ")
    assert said[2].strip() == "predictions since the start: none"
