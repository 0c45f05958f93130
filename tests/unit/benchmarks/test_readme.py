"""README.md's figures are those of benchmarks/results."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.readme import BEGIN, END, README, figures, peers_text, rewrite
from benchmarks.results import FOLDER, Row, save
from runtime.statistics.intervals import Interval, Limit

MACHINE = {"cores": 2, "processor": "AMD EPYC", "commit": "0123456789abcdef"}


def cell(peer: str, model: str, rate: float | None, **more: Any) -> dict[str, Any]:
    usual = {
        "peer": peer, "model": model, "profile": "ordinary", "concurrency": 64,
        "requests_per_s": rate, "low": 10.0, "high": 20.0, "p50_us": 80.0, "cpu_us": 12.5,
        "client_saturated": False, "kind": "measured",
    }  # fmt: skip
    return {**usual, **more}


def test_the_readme_is_what_the_command_would_write() -> None:
    written = README.read_text()
    assert written == rewrite(written, figures(FOLDER)), "run `make readme`"


def test_a_promise_has_its_figure_verdict_and_source(tmp_path: Path) -> None:
    row = Row(
        "fast", "it is fast: <= 6 us", "us", Limit("at most", 6.0),
        Interval(3.6, 3.8, 3.9, 0.979, 10), beside={"other us": Interval(1, 2, 3, 0.9, 3)},
        quoted="another 30 us",
    )  # fmt: skip
    save([row], MACHINE, "2026-12-01", tmp_path)
    text = figures(tmp_path)
    cells = ("it is fast: <= 6 us", "3.80 [3.60, 3.90] us", "met", "other us 2.00",
             "another 30 us")  # fmt: skip
    assert f"| {' | '.join(cells)} |" in text.splitlines()
    assert (
        "[2026-12-01.json](benchmarks/results/2026-12-01.json) (commit 0123456789ab)"
        in text
    )
    assert "2 processors (AMD EPYC)" in text


def test_only_what_is_between_the_markers_changes() -> None:
    before = f"# Title\n\n{BEGIN}\nold\n{END}\n\n## More\n"
    assert rewrite(before, "new") == f"# Title\n\n{BEGIN}\n\nnew\n\n{END}\n\n## More\n"


def test_writing_twice_changes_nothing() -> None:
    once = rewrite(f"{BEGIN}{END}", "new")
    assert rewrite(once, "new") == once


@pytest.mark.parametrize(
    "readme",
    ["", BEGIN, END, f"{END}{BEGIN}", f"{BEGIN}{END}{END}", f"{BEGIN}{BEGIN}{END}"],
)
def test_missing_or_doubled_markers_are_refused(readme: str) -> None:
    with pytest.raises(ValueError, match="each once"):
        rewrite(readme, "new")


def test_servers_stand_beside_each_other_once_they_were_measured(tmp_path: Path) -> None:
    (tmp_path / "latest.json").write_text("{}")
    rows = [
        cell("triton", "mlp", None, profile="packed", kind="quoted", cpu_us=None),
        cell("leeboard", "mlp", 200_000.0, profile="packed"),
        cell("leeboard", "mlp", 90_000.0, client_saturated=True),
        cell("leeboard", "mlp", 8_000.0, concurrency=1, p50_us=91.5),
        cell("leeboard", "mid", 236.0, profile="packed"),
        {"kind": "missing", "peer": "kserve", "model": "", "reason": "no package"},
    ]
    servers = [
        {
            "peer": "leeboard",
            "kind": "measured",
            "model": "mlp",
            "pss_mib": 91.0,
            "start_s": 0.4,
        },
        {"peer": "triton", "kind": "quoted", "model": "", "pss_mib": 415.0, "start_s": 0.5},
    ]
    (tmp_path / "peers.json").write_text(json.dumps({"rows": rows, "servers": servers}))
    lines = figures(tmp_path).splitlines()
    ours = "| leeboard | 200,000 | >90,000 | 236 |  |  | 12.5 | 91.5 | 0.40 | 91.0 |"
    theirs = "| triton\\* | 10.0 - 20.0 |  |  |  |  |  |  | 0.50 | 415 |"
    assert lines[-2:] == [ours, theirs]


@pytest.mark.parametrize(("kind", "said"), [("quoted", True), ("measured", False)])
def test_what_is_quoted_is_said_to_be(kind: str, said: bool) -> None:
    content = {"rows": [cell("triton", "mlp", 1.0, kind=kind)], "servers": []}
    assert ("quoted" in peers_text(content)) is said


FAULT_ROWS = [
    {"fault": "the worker is killed", "requests": 3000, "failed": 0, "wrong": 0,
     "told": [], "gap_ms": 29.6, "repeats": [{}, {}, {}]},
    {"fault": "a request hangs", "requests": 3000, "failed": 2, "wrong": 0,
     "told": ["INTERNAL"], "gap_ms": 3334.2, "repeats": [{}, {}, {}]},
]  # fmt: skip


def test_faults_have_what_clients_see_and_for_how_long(tmp_path: Path) -> None:
    content = {"machine": MACHINE, "load": {"rate": 500.0}, "rows": FAULT_ROWS}
    (tmp_path / "faults.json").write_text(json.dumps(content))
    text = figures(tmp_path)
    assert text.splitlines()[-2:] == [
        "| the worker is killed | nothing | 29.6 ms |",
        "| a request hangs | the request itself: INTERNAL; others: 2 failed | 3,334 ms |",
    ]
    assert "6,000 innocent requests in all" in text
    assert "median of 3 repeats" in text


def test_hostile_traffic_is_a_sentence_with_its_source(tmp_path: Path) -> None:
    summary = {
        "attacks": 46, "requests": 27_600, "failed": 0, "wrong": 0, "p99_ratio": 12.6,
        "worst": "header_bomb",
        "connections_after": 0, "calm_p99_us": 316.0, "median_p99_ratio": 2.5,
        "memory_before": 36 << 20, "memory_after": 52 << 20,
    }  # fmt: skip
    (tmp_path / "hostile.json").write_text(json.dumps({"summary": summary}))
    text = figures(tmp_path)
    assert "of 27,600 requests of a patient client beside 46 kinds of attack" in text
    assert "0 failed and 0 were answered wrongly" in text
    assert (
        "2.50 times that under the median attack, 12.6 times under the worst (header_bomb)."
        in text
    )
    assert "16.0 MiB more: [hostile.json](benchmarks/results/hostile.json)" in text


def swapped(tmp_path: Path, is_good: bool) -> str:
    """Return the figures of one promise and one version that must not serve."""
    row = Row(
        "lost-mlp", "200 swaps: lost", "", Limit("at most", 0.0), Interval(0, 0, 0, 1.0, 1),
        beside={"requests": Interval(5000, 5000, 5000, 1.0, 1)},
    )  # fmt: skip
    refusal = {"words": "hang in load", "is_good": is_good, "counts": {"requests": 900}}
    content = {
        "machine": MACHINE,
        "load": {"share_of_knee": 0.7},
        "rows": [row.as_json()],
        "refusals": [refusal],
    }
    (tmp_path / "swap.json").write_text(json.dumps(content))
    return figures(tmp_path)


def test_swaps_have_their_verdicts_and_what_was_refused(tmp_path: Path) -> None:
    text = swapped(tmp_path, is_good=True)
    assert "| 200 swaps: lost | 0 [0, 0] | met | requests 5,000 |" in text.splitlines()
    assert "[swap.json](benchmarks/results/swap.json)" in text
    assert "at 70% of the knee" in text
    assert "(hang in load)" in text
    assert "none of 900 requests meanwhile failed" in text


def test_a_broken_version_that_was_not_refused_is_named(tmp_path: Path) -> None:
    text = swapped(tmp_path, is_good=False)
    assert "hang in load: not refused as it must be." in text
    assert "none of" not in text
