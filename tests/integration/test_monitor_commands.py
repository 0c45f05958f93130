"""``leeboard drift``, ``leeboard alarms`` and ``leeboard monitor export``, typed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from runtime.cli import app as cli
from runtime.errors import ConfigError, LeeboardError, ServerError
from runtime.monitor.signals import Aspect, Effect
from runtime.monitor.state import VersionStatus
from tests.integration.monitored import monitored
from tests.unit.monitor.said import verdict
from tests.unit.monitor.statuses import CALM, HOUSING, FakeState, T

WIDE = {
    "COLUMNS": "200", "TERM": "dumb", "NO_COLOR": "1", "LEEBOARD_TOKEN": "",
    "LEEBOARD_TOKEN_FILE": "",
}  # fmt: skip


@pytest.fixture(scope="module")
def state() -> FakeState:
    return FakeState()


@pytest.fixture(scope="module")
def server(state: FakeState) -> Iterator[str]:
    with monitored(state) as where:
        yield where


def typed(server: str, *arguments: str) -> str:
    done = CliRunner(env={**WIDE, "LEEBOARD_SERVER": server}).invoke(cli, arguments)
    if isinstance(done.exception, LeeboardError):
        raise done.exception
    assert done.exit_code == 0, done.output
    return str(done.stdout)


def test_drift_status_tells_the_worst_first(server: str) -> None:
    lines = typed(server, "drift", "status", "housing").splitlines()
    assert lines[0] == (
        "housing/3: 3,100 rows seen; 97.0% of what was answered; window of 1,600 rows; "
        "reference 0123456789ab (manifest, 5,832 rows)"
    )
    rows = [line for line in lines if "input" in line]
    assert [row.split()[2] for row in rows] == ["Latitude", "RELP", "MedInc"]
    assert "120% of the limit" in rows[0]
    assert "1.1000 (0.0186)" in rows[0]
    assert "unseen" in rows[1]


def test_other_distances_are_shown_on_request(server: str) -> None:
    lines = typed(server, "drift", "status", "housing", "--distances").splitlines()
    assert "Hellinger" in "".join(lines)
    answer = json.loads(
        typed(server, "drift", "status", "housing", "--distances", "--json")
    )
    subjects = answer["versions"][0]["subjects"]
    latitude = next(one for one in subjects if one["name"] == "Latitude")
    assert latitude["distances"]["TV"] == pytest.approx(0.55)
    assert "bins" not in latitude


def test_a_version_without_a_reference_says_what_is_missing(server: str) -> None:
    text = typed(server, "drift", "status", "spam")
    assert "spam/1: 10 rows seen; no reference yet; 1,000 more rows make the ref" in text
    assert typed(server, "drift", "status", "nobody") == (
        "no version of nobody is watched here\n"
    )


def test_status_is_json_where_asked_for(server: str) -> None:
    values = json.loads(typed(server, "drift", "status", "--json"))
    latitude = values["versions"][0]["subjects"][1]
    assert (latitude["name"], latitude["effect"]["tolerated"]) == ("Latitude", 0.05)
    assert (latitude["psi"], latitude["psi_limit"], latitude["ks"]) == (1.1, 0.0186, 0.55)


def test_numbers_that_are_none_are_told(server: str, state: FakeState) -> None:
    odd = replace(CALM, name="[red]x\x1b[31m", effect=Effect("ks", float("nan"), 0.05))
    state.shown = (VersionStatus("odd\x1b[2J", 1, subjects=(odd,)),)
    try:
        text = typed(server, "drift", "status")
    finally:
        state.shown = FakeState().shown
    assert "\x1b" not in text
    assert "[red]x\\x1b[31m" in text
    assert "nan" in text


def test_the_life_of_an_alarm_by_commands(server: str, state: FakeState) -> None:
    name = state.alarm.id
    line = f"{name}  firing    Latitude has moved, said at 1.7e+09 s"
    assert typed(server, "alarms", "list") == f"{line}\n"
    text = typed(server, "alarms", "ack", name, "--comment", "looking")
    assert text.startswith(f"{name} is ipv4:127.0.0.1:")
    assert (
        typed(server, "alarms", "comment", name, "new region") == f"{name} has 1 comments\n"
    )
    made = typed(
        server, "alarms", "silence", "hous*", "--for", "2h", "--name", "Lat*",
        "--comment", "known",
    )  # fmt: skip
    assert made.startswith("silence s1 of model hous*, name Lat* until 20")
    assert made.splitlines()[0].endswith(": known")
    assert made.splitlines()[1] == "it holds for 1 alarms at the moment"
    text = typed(server, "alarms", "list", "housing")
    assert text.splitlines()[0].startswith(f"{line} [ipv4:127.0.0.1:")
    assert text.splitlines()[0].endswith("] [silenced by s1]")
    assert text.splitlines()[1].startswith("silence s1 of model hous*")
    assert typed(server, "alarms", "unsilence", "s1") == "s1 is over\n"
    (alarm,) = json.loads(typed(server, "alarms", "list", "--json"))["alarms"]
    assert alarm["acknowledged"]["text"] == "looking"
    assert alarm["counts"] == {"rows": 10_000.0, "missing": 3.0}


def test_what_is_over_is_listed_when_asked_for(server: str, state: FakeState) -> None:
    gone = replace(state.alarm.subject, model="gone", aspect=Aspect.HARM)
    state.book.take([verdict(T, 12.0, subject=gone)])
    state.book.forget("gone", 3, T + 1)
    assert typed(server, "alarms", "list", "gone") == "no alarms\n"
    text = typed(server, "alarms", "list", "gone", "--resolved")
    assert "resolved" in text
    assert "[over: version 3 of gone is not loaded any more]" in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ("alarms", "ack", "none"),
            "answered FAILED_PRECONDITION to Acknowledge: no alarm",
        ),
        (("alarms", "silence", "m", "--aspect", "psi"), "no aspect is called 'psi'"),
        (("alarms", "unsilence", "s99"), "no silence is called 's99'"),
    ],
)
def test_what_there_is_not_is_one_line(
    server: str, arguments: tuple[str, ...], words: str
) -> None:
    with pytest.raises(ServerError, match=words):
        typed(server, *arguments)


@pytest.mark.parametrize("text", ["", "soon", "5w", "-5m", "1h30m"])
def test_a_duration_that_is_none_is_refused(server: str, text: str) -> None:
    with pytest.raises(ConfigError, match="is no duration; write 30m, 2h or 7d"):
        typed(server, "alarms", "silence", "m", f"--for={text}")


def test_a_report_is_written(server: str, tmp_path: Path) -> None:
    path = tmp_path / "new" / "report.html"
    text = typed(server, "drift", "report", "housing", "-o", str(path))
    assert text.endswith("report.html: 1 versions\n")
    page = path.read_text()
    assert f"Drift report of {server}" in page
    assert page.count("<svg") == len(HOUSING.subjects)


def test_no_report_is_written_about_nothing(server: str, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    with pytest.raises(ServerError, match="no version of nobody is watched here, and"):
        typed(server, "drift", "report", "nobody", "-o", str(path))
    assert not path.exists()


def test_a_server_that_expects_no_labels_says_what_it_lacks(
    server: str, tmp_path: Path
) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("request_id,value\na,1\n")
    words = r"has no leeboard.v1.Labels: no model has a task in its --monitor-file"
    for arguments in (("labels", "push", str(path), "--model", "m"), ("quality", "status")):
        with pytest.raises(ServerError, match=words) as refused:
            typed(server, *arguments)
        assert "sent before" not in str(refused.value)


def test_exports_are_written_without_a_server(tmp_path: Path) -> None:
    folder = tmp_path / "watch"
    lines = typed("nowhere:1", "monitor", "export", str(folder)).splitlines()
    assert lines == [f"wrote {path}" for path in (
        folder / "leeboard-rules.yml", folder / "leeboard-dashboard.json"
    )]  # fmt: skip
