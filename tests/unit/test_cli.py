"""The command line: help, version, wrong options, and the table of what is served."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import click
import pytest
import typer
from typer.testing import CliRunner

from runtime import __version__
from runtime.app import App
from runtime.backends.base import Signature
from runtime.backends.report import LoadReport
from runtime.cli import app, main
from runtime.config import Access, Config, Listen, Tls
from runtime.errors import ConfigError
from runtime.models.lifecycle import State
from runtime.serve_command import show_table
from runtime.workers.process import Loaded

WIDE = {"COLUMNS": "200", "TERM": "dumb", "NO_COLOR": "1"}


def leeboard(*arguments: str) -> Any:
    return CliRunner(env=WIDE).invoke(app, arguments)


def test_the_version_is_printed() -> None:
    done = leeboard("--version")
    assert (done.exit_code, done.output) == (0, f"leeboard {__version__}\n")


def test_without_arguments_the_help_is_shown() -> None:
    done = leeboard()
    assert "Serve models, watch them, replace them." in done.output
    assert "serve" in done.output
    assert "infer" in done.output
    assert "bench" in done.output


@pytest.mark.parametrize("command", ["serve", "infer"])
def test_every_option_is_explained(command: str) -> None:
    done = leeboard(command, "--help")
    assert done.exit_code == 0
    group = cast(click.Group, typer.main.get_command(app))
    parameters = group.commands[command].params
    assert [p.name for p in parameters if not getattr(p, "help", None)] == []
    longest = [max(p.opts, key=len) for p in parameters if p.opts[0].startswith("-")]
    assert [option for option in longest if option not in done.output] == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["serve"], "missing argument 'path'"),
        (["serve", "m", "--no-such-option"], "--no-such-option"),
        (["serve", "m", "--instances", "two"], "'--instances'"),
        (["infer", "mlp"], "missing option '--input'"),
        (["infer", "mlp", "-i", "x=1", "--timeout", "soon"], "'--timeout'"),
        (["explain"], "no such command 'explain'"),
    ],
)
def test_wrong_usage_is_explained(arguments: list[str], words: str) -> None:
    done = leeboard(*arguments)
    assert done.exit_code == 2
    assert words in done.output.lower()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["serve", "nowhere"], "nowhere does not exist"),
        (["serve", "m", "--threads", "0"], "--threads is 0; it must be 1 to 1024"),
        (["serve", "m", "--max-queue-delay-us", "-1"], "--max-queue-delay-us is -1"),
        (["serve", "m", "--exit-timeout", "-1"], "--exit-timeout is -1"),
    ],
)
def test_a_value_that_makes_no_sense_is_our_error(arguments: list[str], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        app(arguments, standalone_mode=False)


def test_our_errors_are_one_line_and_status_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["leeboard", "serve", "no[/]where [red]"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    words = (
        "error: no[/]where [red] does not exist; give a model file or a folder of models\n"
    )
    assert capsys.readouterr().err == words


def test_the_help_of_serve_needs_nothing_of_a_server() -> None:
    command = [sys.executable, "-X", "importtime", "-m", "runtime.cli", "serve", "--help"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "runtime.options.table" in imported
    heavy = {"yaml", "prometheus_client", "asyncio", "grpc", "runtime.app"}
    assert imported & {*heavy, "runtime.operating"} == set()


def version(name: str, state: State, **more: object) -> SimpleNamespace:
    parts: dict[str, object] = {
        "reason": "",
        "loaded": None,
        "max_batch_size": 0,
        "close_rows": 0,
        "instances": [],
    }
    source = SimpleNamespace(name=name, version="3")
    return SimpleNamespace(source=source, state=state, **{**parts, **more})


def shown(
    capsys: pytest.CaptureFixture[str],
    config: Config,
    *versions: object,
    ports: tuple[int, ...] = (8001,),
    control: str = "",
) -> list[str]:
    """Return the lines of the table for a server with these versions."""
    running = SimpleNamespace(
        manager=SimpleNamespace(versions=versions),
        config=config,
        plane=SimpleNamespace(ports=ports),
        endpoint=SimpleNamespace(port=8002),
        control=SimpleNamespace(where=control) if control else None,
        swaps=None,
    )
    show_table(cast(App, running))
    return [" ".join(line.split()) for line in capsys.readouterr().err.splitlines()]


def test_the_table_shows_what_is_served_and_what_is_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    signature = Signature("onnx", (), (), batchable=True)
    report = LoadReport(batchable=True, warmed=False, notes=("x [-1, 3]", "unwarmed"))
    workers = [SimpleNamespace(serving=True), SimpleNamespace(serving=False)]
    good = version(
        "mlp", State.READY, loaded=Loaded(signature, report, 1.234),
        max_batch_size=64, close_rows=12, instances=workers,
    )  # fmt: skip
    bad = version("[bold]", State.UNAVAILABLE, reason="no [/such]\x1b[2J file")
    lines = shown(capsys, Config(Path("m")), good, bad)
    rows = [[cell.strip() for cell in line.split("\N{BOX DRAWINGS LIGHT VERTICAL}")[1:-1]]
            for line in lines if "READY" in line or "UNAVAILABLE" in line]  # fmt: skip
    assert rows == [
        ["mlp", "3", "READY", "12", "1", "1.23 s", "x [-1, 3]; unwarmed"],
        ["[bold]", "3", "UNAVAILABLE", "no", "0", "-", "no [/such]\\x1b[2J file"],
    ]
    assert lines[-1] == "gRPC 127.0.0.1:8001 metrics http://127.0.0.1:8002/metrics"


def test_ipv6_addresses_can_be_clicked(capsys: pytest.CaptureFixture[str]) -> None:
    config = Config(Path("m"), Listen("::1"))
    assert shown(capsys, config)[-1] == (
        "gRPC [::1]:8001 metrics http://[::1]:8002/metrics"
    )


def test_the_last_line_says_where_else_a_server_listens_and_what_protects_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    pem = Path("x.pem")
    config = Config(
        Path("m"),
        Listen(also=("unix:/run/[x]\x1b[2J", "plain:127.0.0.1:0", "127.0.0.2:0")),
        Tls(pem, pem, pem),
        Access(Path("tokens.yaml")),
    )
    lines = shown(capsys, config, ports=(8001, 71, 72), control="127.0.0.1:8003")
    tls = "(TLS with client certificates)"
    assert lines[-1] == (
        f"gRPC 127.0.0.1:8001 {tls} also unix:/run/[x]\\x1b[2J also 127.0.0.1:71 "
        f"also 127.0.0.2:72 {tls} metrics http://127.0.0.1:8002/metrics "
        f"control 127.0.0.1:8003 {tls} tokens are asked for"
    )


def test_a_server_that_lets_everybody_in_says_so(
    capsys: pytest.CaptureFixture[str],
) -> None:
    config = Config(Path("m"), access=Access(insecure=True))
    assert shown(capsys, config, control="unix:/c")[-1] == (
        "gRPC 127.0.0.1:8001 metrics http://127.0.0.1:8002/metrics control unix:/c "
        "everybody is let in"
    )


def test_infer_without_a_server_says_so() -> None:
    done = leeboard("infer", "mlp", "-i", "x=1", "--url", "127.0.0.1:1", "--timeout", "30")
    assert "127.0.0.1:1 answered UNAVAILABLE" in str(done.exception)
