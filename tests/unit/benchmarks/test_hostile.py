"""Hostile traffic beside a patient client: what is summed up, without a server."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.attacking import WIDE, request_bytes
from benchmarks.hostile import Attacked, figure, read_gauge, summary, table
from runtime.messages import ModelInferRequest

ROW = Attacked("tls", 7, 600, 0, 0, {}, 200.0, 300.0, 900.0, 10 << 20, 12 << 20, 0)


def test_a_ratio_is_over_the_median_of_all_peaceful_parts() -> None:
    rows = [
        ROW,
        replace(ROW, name="bomb", calm_p99_us=100.0, p99_us=800.0),
        replace(ROW, calm_p99_us=5000.0, p99_us=400.0),
    ]
    found = summary(rows)
    assert (found["calm_p99_us"], found["p99_ratio"]) == (200.0, 4.0)
    assert (found["worst"], found["median_p99_ratio"]) == ("bomb", 2.0)


def test_losses_are_summed_and_of_connections_the_most_counts() -> None:
    rows = [
        replace(ROW, failed=1),
        replace(ROW, wrong=2, connections_after=3),
        replace(ROW, failed=4, connections_after=1),
    ]
    found = summary(rows)
    assert (found["failed"], found["wrong"], found["connections_after"]) == (5, 2, 3)


def test_an_attack_that_never_ended_is_counted_as_unmade() -> None:
    assert summary([ROW, replace(ROW, rounds=0)])["unmade"] == 1


def test_memory_is_that_before_the_first_and_after_the_last_attack() -> None:
    found = summary([ROW, replace(ROW, memory_before=1, memory_after=20 << 20)])
    assert (found["memory_before"], found["memory_after"]) == (10 << 20, 20 << 20)


def test_the_table_has_a_line_for_each_attack() -> None:
    lines = table([ROW, replace(ROW, name="rapid_reset")]).splitlines()
    assert [line.split()[0] for line in lines] == ["attack", "tls", "rapid_reset"]


def test_a_gauge_is_summed_over_its_labels_alone() -> None:
    text = '# HELP a_b x\na_b{model="x"} 1.0\na_b{model="y"} 2.0\na_b_c 9.0\n'
    assert read_gauge(text, "a_b") == 3


def test_counts_are_written_whole_and_figures_shortened() -> None:
    assert (figure(12_345), figure(3.456)) == ("12,345", "3.46")


def test_the_message_of_the_attacks_is_a_whole_request() -> None:
    request = ModelInferRequest.FromString(request_bytes("wide", WIDE))
    assert len(request.raw_input_contents[0]) == 4 * WIDE
