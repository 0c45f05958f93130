"""Cells, what is quoted, and the table of the peers."""

from __future__ import annotations

import json

from benchmarks.peers.measuring import SECONDS
from benchmarks.peers.quoted import PEER, SOURCE, quoted_cells, quoted_servers
from benchmarks.peers.rows import (
    MIB,
    Cell,
    Findings,
    Missing,
    Repeat,
    ServerRow,
    make_cell,
)
from benchmarks.peers.table import text_of
from runtime.capacity.report import Report, ServerUse


def report(rate: float, p50_us: float = 100.0, failed: int = 0) -> Report:
    """A run of `mlp` whose processor time tells which one it was."""
    return Report(
        scenario={"model": "mlp", "profile": "packed", "concurrency": 64},
        requests=1000, ok=1000 - failed, wrong=0, unsent=0, errors={}, error_messages={},
        duration_s=1.0, answered=1000, throughput_rps=rate,
        latency_us={"p50": p50_us, "p99": 2 * p50_us}, send_lag_us={}, series=[],
        client_busy=0.5, client_cpu_us_per_request=1.0, client_saturated=False,
        connections_lost=0, retried=0, ended="time", partial=False,
        server=ServerUse(2, rate / 10, 50 * MIB), notes=("a note",),
    )  # fmt: skip


def cell(peer: str, rate: float, *, saturated: bool = False) -> Cell:
    return Cell(peer, "mlp", "ordinary", 8, rate, rate, rate, client_saturated=saturated)


def test_a_cell_has_the_median_rate_and_the_figures_of_that_repeat() -> None:
    repeats = [Repeat(report(rate, rate), {}) for rate in (300.0, 100.0, 200.0)]
    made = make_cell("kserve", repeats)
    assert (made.requests_per_s, made.low, made.high) == (200.0, 100.0, 300.0)
    assert (made.p50_us, made.p99_us, made.cpu_us) == (200.0, 400.0, 20.0)


def test_a_cell_counts_failures_of_every_repeat_and_tells_a_note_once() -> None:
    repeats = [Repeat(report(1.0, failed=2), {}), Repeat(report(2.0, failed=3), {})]
    made = make_cell("kserve", repeats)
    assert (made.failed, made.notes) == (5, ("a note",))


def test_a_cell_tells_the_most_that_strangers_took_of_each_processor() -> None:
    repeats = [
        Repeat(report(1.0), {"server": 0.1, "client": 0.9}),
        Repeat(report(2.0), {"server": 0.4, "client": 0.2}),
    ]
    made = make_cell("kserve", repeats)
    assert made.foreign == {"server": 0.4, "client": 0.9}
    assert "40%" in text_of(Findings([made]))


def test_memory_is_the_most_that_any_repeat_saw() -> None:
    assert make_cell("kserve", [Repeat(report(1.0), {})]).pss_mib == 50.0


def test_every_model_has_a_quoted_cell_that_says_where_it_is_from() -> None:
    cells = quoted_cells(list(SECONDS))
    assert [cell.model for cell in cells] == list(SECONDS)
    assert {(cell.kind, cell.source) for cell in cells} == {("quoted", SOURCE)}


def test_a_quoted_range_has_no_middle() -> None:
    (quoted,) = quoted_cells(["mlp"])
    assert (quoted.requests_per_s, quoted.low, quoted.high) == (None, 21_000.0, 33_000.0)


def test_the_table_stars_what_is_quoted_and_gives_its_source() -> None:
    text = text_of(Findings(quoted_cells(["mlp"]), quoted_servers()))
    assert f"{PEER}* | 21,000-33,000" in text
    assert f"* quoted: {SOURCE}" in text


def test_the_table_has_one_part_for_each_load_with_the_fastest_first() -> None:
    text = text_of(Findings([cell("slow", 10.0), cell("fast", 90.0)]))
    lines = [line.split(" ")[0] for line in text.splitlines()]
    assert lines == ["mlp,", "peer", "fast", "slow"]


def test_a_rate_that_the_client_limited_is_a_lower_bound() -> None:
    assert ">90" in text_of(Findings([cell("fast", 90.0, saturated=True)]))


def test_what_is_missing_is_told_with_its_reason() -> None:
    text = text_of(Findings(missing=[Missing("kserve", "not installed: no wheel", "mlp")]))
    assert text == "not measured: kserve mlp: not installed: no wheel"


def test_the_file_has_cells_gaps_and_servers() -> None:
    findings = Findings(
        [cell("a", 1.0)], [ServerRow("a", "mlp", 0.5, 70.0, 160.0)], [Missing("b", "why")]
    )
    content = json.loads(json.dumps(findings.as_json()))
    assert [row["kind"] for row in content["rows"]] == ["measured", "missing"]
    assert content["rows"][1] == {
        "kind": "missing", "peer": "b", "reason": "why", "model": "",
    }  # fmt: skip
    assert content["servers"][0]["install_mib"] == 160.0
