"""docs/put-it-in-production.md holds: its commands run in its order and print what it says,
and what it names is there."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tritonclient.grpc as triton
import yaml
from typer.testing import CliRunner

from runtime.access.exposure import check
from runtime.access.listed import parse
from runtime.access.roles import NAMES
from runtime.cli import app
from runtime.config import NO_PORT, Access, Config, Control, Listen, Repository, Tls
from runtime.errors import ConfigError
from runtime.options.table import OPTIONS
from runtime.server import wiring
from runtime.server.repository_calls import why_refused
from runtime.testing import models
from runtime.testing.running import RunningServer
from runtime.testing.waiting import wait_until
from tests.integration.pages import ROOT, Page, Said, is_as_said
from tests.integration.programs import needed
from tests.integration.secured import keys

PAGE = Page("put-it-in-production.md")
README = ROOT.joinpath("README.md").read_text("utf-8")
FLAG = re.compile(r"(?<![\w-])--[a-z][a-z-]*[a-z]")
OURS = re.compile(r"\b(?:leeboard|nv)_[a-z][a-z0-9_]*\b")
OTHERS = {"--init", "--shm-size", "--enable-feature"}  # Docker's and Prometheus'.


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> list[Said]:
    needed("openssl")
    return PAGE.run(tmp_path_factory.mktemp("production"))


@pytest.mark.parametrize("at", range(len(PAGE.of("sh"))))
def test_commands_print_what_the_page_says(session: list[Said], at: int) -> None:
    assert is_as_said(session[at]), session[at]


def test_the_reasons_of_a_model_are_told_at_the_end(session: list[Said]) -> None:
    (watched,) = [said.printed for said in session if "leeboard why" in said.commands]
    assert "double" in watched
    assert "chosen by" in watched


def test_the_example_of_a_token_file_is_one() -> None:
    (text,) = [text for text in PAGE.of("yaml") if text.startswith("identities:")]
    (identity,) = parse(text)
    assert (identity.name, identity.models) == ("checkout", ("double", "team-a-*"))
    assert identity.quota.requests_per_s == 200


def test_the_table_of_roles_lists_those_there_are() -> None:
    table = PAGE.text[PAGE.text.index("| role |") :].partition("\n\n")[0]
    cells = re.findall(r"^\| ([\w, ]+) \|", table, re.MULTILINE)[1:]
    assert [name for cell in cells for name in cell.split(", ")] == [
        "infer", "viewer", "operator", "labeler", "approver", "any of them", "none",
    ]  # fmt: skip
    assert set(NAMES) == {"infer", "viewer", "operator", "labeler", "approver"}


def test_haproxys_example_is_valid(tmp_path: Path) -> None:
    (text,) = PAGE.of("haproxy")
    both = tmp_path / "both.pem"

    pair = keys(tmp_path).server
    both.write_bytes(pair.certificate + pair.key)
    config = tmp_path / "haproxy.cfg"
    config.write_text(text.replace("/etc/haproxy/both.pem", str(both)))

    done = subprocess.run(
        [needed("haproxy"), "-c", "-f", str(config)],
        check=False, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_all_other_yaml_is_yaml() -> None:
    for text in PAGE.of("yaml"):
        assert yaml.safe_load(text)


def known_flags() -> set[str]:
    """Return the options of all commands that the page speaks of."""
    env = {"COLUMNS": "200", "TERM": "dumb", "NO_COLOR": "1"}
    commands = (
        ["serve"], ["top"], ["why"], ["support-bundle"], ["server", "info"],
        ["tokens", "new"], ["tokens", "revoke"], ["tokens", "list"], ["models", "load"],
    )  # fmt: skip
    helps = [CliRunner(env=env).invoke(app, [*c, "--help"]).output for c in commands]
    return {flag for text in helps for flag in FLAG.findall(text)}


def test_every_option_that_the_page_names_is_there() -> None:
    named = set(FLAG.findall(PAGE.text)) - OTHERS
    assert {"--tokens", "--max-connection-age", "--no-triton-metrics"} <= named
    assert named - known_flags() == set()


def test_every_metric_that_the_page_names_is_there(tmp_path: Path) -> None:
    known = {option.key.rpartition(".")[2] for option in OPTIONS}
    named = {name for name in OURS.findall(PAGE.text) if name not in known}
    assert "leeboard_responses_total" in named
    with RunningServer(models.save_mlp(tmp_path / "mlp.onnx")) as server:
        page = server.get("/metrics")
    listed = set(re.findall(r"^# TYPE (\w+)", page, re.MULTILINE))
    # Families that only a server with TLS, tokens or traces shows.
    source = "".join(path.read_text() for path in (ROOT / "runtime").rglob("*.py"))
    words = {n: n.removesuffix("_total").removeprefix("leeboard_traces_") for n in named}
    assert [name for name in named - listed if words[name] not in source] == []


def test_the_table_of_events_lists_those_there_are() -> None:
    table = PAGE.text[PAGE.text.index("| event |") :].partition("\n\n")[0]
    listed = set(re.findall(r"`(\w+)`", table))
    source = "".join(path.read_text() for path in (ROOT / "runtime").rglob("*.py"))
    assert set(re.findall(r"\babout\(\s*\"(\w+)\"", source)) <= listed
    made = {name for name in listed if name.endswith("load_asked")}  # "{doing}_asked".
    assert made == {"load_asked", "unload_asked"}
    assert [name for name in listed - made if f'"{name}"' not in source] == []


def test_log_lines_look_as_on_the_page(tmp_path: Path) -> None:
    (example,) = PAGE.of("json")
    slow = next(line for line in PAGE.text.splitlines() if "slow request: " in line)
    tensor = triton.InferInput("x", [1, 32], "FP32")
    tensor.set_data_from_numpy(np.ones((1, 32), np.float32))
    arguments = ("--log-format", "json", "--slow-request-ms", "0.001")
    trace = {"traceparent": f"00-{'ab' * 16}-{'cd' * 8}-00"}
    with (
        RunningServer(models.save_mlp(tmp_path / "mlp.onnx"), *arguments) as server,
        triton.InferenceServerClient(server.grpc) as client,
    ):
        client.infer("mlp", [tensor], request_id="r-7", headers=trace)
        wait_until(lambda: any("slow request" in line for line in server.log), "it is said")
        lines = [json.loads(line) for line in server.log if line.startswith("{")]
    (loaded,) = [line for line in lines if line.get("event") == "loaded"]
    assert loaded.keys() == json.loads(example).keys()
    (said,) = [line["message"] for line in lines if "slow request" in line["message"]]
    number = r"[\d.]+"
    hidden = re.sub(r"\b[0-9a-f]{32}\b", "TRACE", slow[slow.index("slow request: ") :])
    words = re.split(r"(?<![\w-])[\d.]+\b", hidden)
    pattern = number.join(map(re.escape, words)).replace("TRACE", "ab" * 16)
    assert re.fullmatch(pattern, said), said


def rows_of(text: str) -> dict[str, list[str]]:
    """Return the rows of a table of protections by their first cell."""
    table = text[text.index("| protection |") :].partition("\n\n")[0]
    rows = [[c.strip() for c in line.strip("|").split("|")] for line in table.splitlines()]
    return {row[0]: row[1:] for row in rows[2:]}


def exposed(config: Config) -> tuple[str, ...]:
    return check(wiring.exposed(config))


DEFAULT = Config(Path("models"), control=Control())
ELSEWHERE = replace(DEFAULT, listen=Listen("192.0.2.1"))


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_loopback_demands_nothing(host: str) -> None:
    assert exposed(replace(DEFAULT, listen=Listen(host))) == ()


def test_other_addresses_demand_what_the_tables_say() -> None:
    with pytest.raises(ConfigError, match=r"--tls-certificate.* and --tokens"):
        exposed(ELSEWHERE)
    tls = Tls(Path("a.crt"), Path("a.key"))
    with pytest.raises(ConfigError, match="--tokens"):
        exposed(replace(ELSEWHERE, tls=tls))
    tokens = Access(Path("tokens.yaml"))
    with pytest.raises(ConfigError, match="--tls-certificate"):
        exposed(replace(ELSEWHERE, access=tokens))
    (said,) = exposed(replace(ELSEWHERE, tls=tls, access=tokens))
    assert said.startswith("the HTTP port has no TLS")
    (said,) = exposed(replace(ELSEWHERE, access=Access(insecure=True)))
    assert said.startswith("--insecure: 192.0.2.1 can be reached by others")
    for text in (PAGE.text, README):
        rows = rows_of(text)
        assert rows["TLS on the gRPC port"][0].startswith("off")
        assert "demanded" in rows["TLS on the gRPC port"][1]
        assert rows["tokens and roles"][0].startswith("off")
        assert "demanded" in rows["tokens and roles"][1]


def test_the_control_port_is_not_opened_to_others_without_both() -> None:
    control = Control("192.0.2.1")
    with pytest.raises(ConfigError, match="even with --insecure"):
        exposed(replace(DEFAULT, control=control, access=Access(insecure=True)))
    assert exposed(replace(DEFAULT, control=replace(control, port=NO_PORT))) == ()
    for text in (PAGE.text, README):
        assert "127.0.0.1" in rows_of(text)["the control port (8003)"][0]


def test_loading_by_clients_is_refused_until_it_is_allowed() -> None:
    explicit, allowed = Repository("explicit"), Repository("explicit", rpc=True)
    cases = [
        (DEFAULT.repository, True, True),
        (explicit, False, True),
        (allowed, False, False),
        (explicit, True, False),
        (allowed, False, True),
    ]
    refused = [why_refused(*case) is not None for case in cases]
    assert refused == [True, True, True, False, False]
    row = rows_of(README)["loading and unloading by clients"]
    assert row[:2] == ["refused", "refused"]


def test_what_the_readmes_table_calls_off_or_open_is_so_by_default() -> None:
    rows = rows_of(README)
    assert (DEFAULT.tls.client_ca, rows["client certificates"][0]) == (None, "off")
    assert (DEFAULT.access.open_health, rows["probes over gRPC"][0]) == (True, "open")
    assert (DEFAULT.workers.memory_bytes, rows["a worker's memory"][0]) == (
        0,
        "not bounded",
    )


def test_numbers_in_the_readmes_table_are_the_defaults() -> None:
    config, rows = DEFAULT, rows_of(README)
    expected: dict[str, list[float]] = {
        "a silent connection is closed": [
            config.transport.handshake_timeout_s,
            config.transport.keepalive_time_s,
            config.transport.keepalive_timeout_s,
        ],
        "largest message": [config.limits.max_message_bytes >> 20],
        "connections, calls of one": [
            config.limits.max_connections,
            config.limits.max_concurrent_streams,
        ],
        "requests of a model that may wait": [config.batching.max_queue_size],
        "traced requests a second": [config.tracing.most_per_s],
    }
    for name, numbers in expected.items():
        written = re.findall(r"\d+", rows[name][0].replace(",", ""))
        assert [float(text) for text in written] == numbers, name


def test_every_way_to_change_a_protection_is_an_option() -> None:
    flags = set()
    for text in (PAGE.text, README):
        for row in rows_of(text).values():
            flags |= set(FLAG.findall(" ".join(row)))
    assert {"--tls-certificate", "--tokens", "--insecure", "--control-host"} <= flags
    assert flags <= {option.flag for option in OPTIONS} | {
        f"--no-{option.flag[2:]}" for option in OPTIONS
    }
