"""``leeboard bench load``: options become a scenario, and wrong ones a sentence."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, cast

import click
import pytest
import typer
from typer.testing import CliRunner

from runtime.capacity import commands
from runtime.capacity.commands import bench, end, save_report
from runtime.capacity.findings import Seen, make_report
from runtime.capacity.inputs import Questions
from runtime.capacity.options import (
    check_writable,
    parse_header,
    parse_shape,
    read_headers,
)
from runtime.capacity.report import Report
from runtime.capacity.scenario import Ask, Load
from runtime.cli import app
from runtime.errors import ConfigError
from tests.unit.capacity.fakes import result

WIDE = {"COLUMNS": "200", "TERM": "dumb", "NO_COLOR": "1"}


def leeboard(*arguments: str) -> Any:
    return CliRunner(env=WIDE).invoke(app, arguments)


def report(**changes: Any) -> Report:
    load = Load(concurrency=1)
    return make_report(Ask("h:1", "m"), load, Questions((b"a",)), result(**changes), Seen())


def test_every_command_and_option_is_explained() -> None:
    group = cast(click.Group, typer.main.get_command(bench))
    assert {"load", "compare"} <= group.commands.keys()
    for name, command in group.commands.items():
        done = leeboard("bench", name, "--help")
        assert done.exit_code == 0
        assert [p.name for p in command.params if not getattr(p, "help", None)] == []


@pytest.mark.parametrize(
    ("text", "parsed"),
    [("x:3,224,224", ("x", (3, 224, 224))), ("x:0:5", ("x:0", (5,))), ("x:", ("x", ()))],
)
def test_a_shape_is_a_name_and_sizes(
    text: str, parsed: tuple[str, tuple[int, ...]]
) -> None:
    assert parse_shape(text) == parsed


@pytest.mark.parametrize("text", ["x", "x:a", "x:1,", ":1", "1,2"])
def test_another_shape_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=f"--shape '{text}' is not NAME:D1,D2"):
        parse_shape(text)


def test_a_header_has_a_small_name_and_any_value() -> None:
    assert parse_header("X-Tenant: a:b") == ("x-tenant", "a:b")


@pytest.mark.parametrize(
    "text",
    ["", "x", ":v", "x y:v", "grpc-timeout:1S", "te:trailers", "content-type:x",
     "x:\N{SNOWMAN}", "x:a\nb"],
)  # fmt: skip
def test_another_header_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="is not NAME:VALUE, or gRPC's own"):
        parse_header(text)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "give either --rate or --concurrency"),
        (["--rate", "1", "--concurrency", "1"], "give either --rate or --concurrency"),
        (["--rate", "-1"], "give either --rate or --concurrency"),
        (["--rate", "nan"], "--rate and times must be finite numbers"),
        (["--rate", "1", "--duration", "inf"], "must be finite numbers"),
        (["--rate", "1", "--duration", "0"], "--duration and --timeout must be above zero"),
        (["--rate", "1", "--timeout", "0"], "--duration and --timeout must be above zero"),
        (["--rate", "1", "--batch", "0"], "--batch is 0; a request has at least one row"),
        (["--rate", "1", "--golden", "g.npz"], "--golden answers --data, which is missing"),
        (["--rate", "1", "--shape", "x"], "--shape 'x' is not"),
        (["--rate", "1", "--header", "x"], "--header 'x' is not"),
    ],
)
def test_a_scenario_that_makes_no_sense_is_our_error(
    arguments: list[str], words: str
) -> None:
    done = leeboard("bench", "load", "127.0.0.1:1", "-m", "m", *arguments)
    assert isinstance(done.exception, ConfigError)
    assert words in str(done.exception)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "missing argument 'host:port'"),
        (["127.0.0.1:1"], "missing option '--model'"),
        (["127.0.0.1:1", "-m", "m", "--profile", "fast"], "'--profile'"),
        (["127.0.0.1:1", "-m", "m", "--max-in-flight", "0"], "'--max-in-flight'"),
        (["127.0.0.1:1", "-m", "m", "--max-errors", "2"], "'--max-errors'"),
        (["127.0.0.1:1", "-m", "m", "--seed", "-1"], "'--seed'"),
    ],
)
def test_wrong_usage_is_explained(arguments: list[str], words: str) -> None:
    done = leeboard("bench", "load", *arguments)
    assert done.exit_code == 2
    assert words in done.output.lower()


def test_a_file_that_cannot_be_written_is_refused_before_the_run(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    check_writable(tmp_path / "new" / "report.json")
    with pytest.raises(ConfigError, match=r"--json .* cannot be written"):
        check_writable(tmp_path)
    with pytest.raises(ConfigError, match=r"--json .*: (Not a directory|File exists)"):
        check_writable(tmp_path / "file" / "report.json")


def test_a_report_is_written_whole(tmp_path: Path) -> None:
    save_report(tmp_path / "report.json", report())
    assert '"format": "leeboard.load/1"' in (tmp_path / "report.json").read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]
    with pytest.raises(ConfigError, match=r"--json .*: Is a directory"):
        save_report(tmp_path, report())


def test_a_measurement_ends_without_a_word(capsys: pytest.CaptureFixture[str]) -> None:
    end(report(), 0.0)
    assert capsys.readouterr().err == ""


def test_what_a_script_must_notice_is_status_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(typer.Exit) as exited:
        end(report(ok=190, errors={14: 10}, ended="stopped"), 0.0)
    assert exited.value.exit_code == 1
    words = "error: the run is partial; 10 of 200 requests failed\n"
    assert capsys.readouterr().err == words


def test_the_token_of_the_environment_is_shown_unless_another_is_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LEEBOARD_TOKEN", "lb_x")
    assert read_headers(["a:b"]) == (("a", "b"), ("authorization", "Bearer lb_x"))
    assert read_headers(["Authorization: y"]) == (("authorization", "y"),)
    monkeypatch.delenv("LEEBOARD_TOKEN")
    assert read_headers(None) == ()


def test_an_interrupt_that_was_lost_is_raised_with_the_next_progress(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(commands, "INTERRUPTED", threading.Event())
    drawn: list[Any] = []
    draw = commands.until_interrupted(drawn.append)
    draw(cast(Any, 1))
    with pytest.raises(KeyboardInterrupt):
        commands.interrupt(2, None)
    with pytest.raises(KeyboardInterrupt):
        draw(cast(Any, 2))
    assert drawn == [1]
