"""What a scrape says of the monitor, and that it stays small."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from runtime.metrics.exposition import render
from runtime.metrics.monitor import (
    TOP,
    KeptJournal,
    ToldSink,
    WatchedSubject,
    WatchedVersion,
    metric_names,
    monitor_families,
)


def subject(number: int, evidence: float) -> WatchedSubject:
    return WatchedSubject("input", f"x[{number}]", "drift", evidence, 0.02, 0.05)


def scraped(
    *versions: WatchedVersion,
    sinks: tuple[ToldSink, ...] = (),
    journal: KeptJournal | None = None,
) -> dict[str, float]:
    """Samples by name and labels, as Prometheus' own reader finds them."""
    page = render(monitor_families(versions, sinks, journal), openmetrics=False)
    return {
        f"{s.name} {' '.join(f'{k}={v}' for k, v in sorted(s.labels.items()))}": s.value
        for family in text_string_to_metric_families(page)
        for s in family.samples
    }


def test_a_version_is_told_with_its_subjects() -> None:
    version = WatchedVersion(
        "housing", "3", 1_500, 0.75, 75, 1_700_000_000.1234, (subject(0, 1.25),),
        {("drift", "firing"): 1, ("drift", "resolved"): 0},
    )  # fmt: skip
    who = "model=housing version=3"
    which = "aspect=drift kind=input model=housing name=x[0] version=3"
    assert scraped(version, sinks=(ToldSink("log", 3, 2, 1),)) == {
        f"leeboard_monitor_rows_total {who}": 1_500,
        f"leeboard_monitor_looks_total {who}": 75,
        f"leeboard_monitor_last_look_seconds {who}": 1_700_000_000.123,
        f"leeboard_monitor_coverage_ratio {who}": 0.75,
        f"leeboard_monitor_subjects {who}": 1,
        f"leeboard_monitor_evidence_ratio {which}": 1.25,
        f"leeboard_monitor_effect {which}": 0.02,
        f"leeboard_monitor_effect_tolerated {which}": 0.05,
        f"leeboard_monitor_rest_subjects {who}": 0,
        f"leeboard_monitor_rest_evidence_ratio {who}": 0,
        "leeboard_monitor_alarms aspect=drift model=housing state=firing version=3": 1,
        "leeboard_monitor_alarms aspect=drift model=housing state=resolved version=3": 0,
        "leeboard_monitor_sink_sent_total sink=log": 3,
        "leeboard_monitor_sink_failures_total sink=log": 2,
        "leeboard_monitor_sink_lost_total sink=log": 1,
    }


def test_coverage_that_is_not_known_is_not_told() -> None:
    samples = scraped(WatchedVersion("m", "1"))
    assert not [name for name in samples if "coverage" in name]


@pytest.mark.parametrize("count", [TOP, TOP + 1, 1_000])
def test_only_the_subjects_with_the_most_evidence_have_samples(count: int) -> None:
    subjects = tuple(subject(n, n / count) for n in range(count))
    samples = scraped(WatchedVersion("m", "1", subjects=subjects))
    named = {name for name in samples if "leeboard_monitor_evidence_ratio" in name}
    assert len(named) == TOP
    assert all(any(f"x[{n}] " in name for name in named) for n in range(count - TOP, count))
    rest = count - TOP
    assert samples["leeboard_monitor_rest_subjects model=m version=1"] == rest
    most = samples["leeboard_monitor_rest_evidence_ratio model=m version=1"]
    assert most == (pytest.approx((rest - 1) / count) if rest else 0.0)


def test_evidence_that_is_no_number_takes_no_place_of_others() -> None:
    subjects = [subject(n, float("nan")) for n in range(TOP)] + [subject(99, 0.5)]
    samples = scraped(WatchedVersion("m", "1", subjects=tuple(subjects)))
    assert any("x[99]" in name for name in samples)


def test_names_of_others_stay_within_their_quotes() -> None:
    odd = 'a"b\\c\nd{}'
    one = WatchedSubject("input", odd, "drift", 0.0, 0.0, 0.0)
    samples = scraped(WatchedVersion(odd, "1", subjects=(one,)))
    assert any(f"name={odd}" in name and f"model={odd}" in name for name in samples)


def test_all_names_are_known() -> None:
    version = WatchedVersion(
        "m", "1", coverage=1.0, subjects=(subject(0, 0.0),), alarms={("drift", "firing"): 1}
    )
    journal = KeptJournal(True, 0, 0, 1.0, {"written": 0}, {"accepted": 0})
    samples = scraped(version, sinks=(ToldSink("log", 0, 0, 0),), journal=journal)
    assert {name.partition(" ")[0] for name in samples} == metric_names()


def test_the_journal_is_told_by_outcome() -> None:
    journal = KeptJournal(False, 12, 4_096, 1_700_000_000.5, {"lost": 3}, {"early": 4})
    assert scraped(journal=journal) == {
        "leeboard_monitor_journal_open ": 0,
        "leeboard_monitor_journal_rows ": 12,
        "leeboard_monitor_journal_bytes ": 4_096,
        "leeboard_monitor_journal_oldest_seconds ": 1_700_000_000.5,
        "leeboard_monitor_journal_predictions_total outcome=lost": 3,
        "leeboard_monitor_labels_total outcome=early": 4,
    }
    empty = KeptJournal(True, 0, 0, 0.0, {}, {})
    assert not [name for name in scraped(journal=empty) if "oldest" in name]
