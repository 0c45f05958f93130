"""What becomes of a label: every outcome, in the order that they are decided."""

from __future__ import annotations

from dataclasses import replace
from math import inf, nan

import pytest

from runtime.monitor.labels import (
    AHEAD_S,
    EARLY_S,
    MOST_PROBLEMS,
    MOST_ROW,
    NOTHING_KNOWN,
    Known,
    Label,
    Outcome,
    Tally,
    outcome_of,
)
from runtime.monitor.sampling import place_of
from runtime.monitor.settings import LabelsWatch

NOW = 1_900_000_000.0
WATCH = LabelsWatch(retention_s=86_400.0)
LABEL = Label("fraud", "r1", 0, 1.0)
THERE = Known(NOW - 60)


def of(label: Label, known: Known = NOTHING_KNOWN, watch: LabelsWatch = WATCH) -> Outcome:
    return outcome_of(label, known, NOW, watch)[0]


def test_a_first_label_of_a_prediction_is_accepted() -> None:
    assert of(LABEL, THERE) is Outcome.ACCEPTED
    assert of(replace(LABEL, time_s=NOW + AHEAD_S), THERE) is Outcome.ACCEPTED


def test_a_second_label_is_a_duplicate_or_a_contradiction() -> None:
    assert of(LABEL, Known(NOW, 1.0)) is Outcome.DUPLICATE
    assert of(LABEL, Known(None, 1.0)) is Outcome.DUPLICATE
    outcome, words = outcome_of(LABEL, Known(NOW, 0.0), NOW, WATCH)
    assert (outcome, words) == (Outcome.CONTRADICTION, "it was said to be 0 before")
    assert of(LABEL, Known(NOW, "1")) is Outcome.CONTRADICTION


def test_without_a_prediction_it_waits_or_is_unknown() -> None:
    assert of(LABEL) is Outcome.EARLY
    assert of(replace(LABEL, time_s=NOW - EARLY_S)) is Outcome.EARLY
    assert of(replace(LABEL, time_s=NOW - EARLY_S - 1)) is Outcome.UNKNOWN


def test_a_label_out_of_the_sample_is_apart_from_unknown() -> None:
    half = replace(WATCH, share=place_of("r1"))
    assert of(LABEL, watch=half) is Outcome.UNSAMPLED
    assert of(LABEL, THERE, half) is Outcome.ACCEPTED
    assert of(replace(LABEL, time_s=1.0), watch=half) is Outcome.UNSAMPLED


def test_old_predictions_and_old_labels_are_too_old() -> None:
    assert of(LABEL, Known(NOW - 86_401)) is Outcome.TOO_OLD
    assert of(replace(LABEL, time_s=NOW - 86_401)) is Outcome.TOO_OLD


def test_a_label_from_the_future_is_refused_and_says_by_how_much() -> None:
    label = replace(LABEL, time_s=NOW + 3_600)
    outcome, words = outcome_of(label, THERE, NOW, WATCH)
    assert outcome is Outcome.FUTURE
    assert words == "its time is 3,600 s ahead of this server's clock"


@pytest.mark.parametrize(
    ("label", "why"),
    [
        (replace(LABEL, model=""), "names no model"),
        (replace(LABEL, request_id=""), "request id must have 1 to"),
        (replace(LABEL, request_id="x" * 1_025), "request id must have 1 to"),
        (replace(LABEL, row=-1), "row -1 is not between"),
        (replace(LABEL, row=MOST_ROW + 1), "is not between 0 and"),
        (replace(LABEL, value=nan), "value nan is no finite number"),
        (replace(LABEL, value=-inf), "value -inf is no finite number"),
        (replace(LABEL, value=""), "text must have 1 to"),
        (replace(LABEL, value="x" * 257), "text must have 1 to"),
        (replace(LABEL, time_s=nan), "time nan is no number of seconds"),
        (replace(LABEL, time_s=-1.0), "time -1 is no number of seconds"),
    ],
)
def test_what_cannot_be_meant_is_invalid_and_says_why(label: Label, why: str) -> None:
    outcome, words = outcome_of(label, THERE, NOW, WATCH)
    assert outcome is Outcome.INVALID
    assert why in words


def test_a_tally_counts_all_and_names_the_first_problems() -> None:
    tally = Tally()
    tally.add(0, LABEL, Outcome.ACCEPTED, "")
    for index in range(1, 50):
        tally.add(index, LABEL, Outcome.UNKNOWN, "no such prediction")
    summary = tally.summary
    assert (summary.count(Outcome.ACCEPTED), summary.count(Outcome.UNKNOWN)) == (1, 49)
    assert (summary.total, summary.count(Outcome.FUTURE)) == (50, 0)
    assert len(summary.problems) == MOST_PROBLEMS
    words = "label 1 (fraud request 'r1' row 0): no such prediction"
    assert summary.problems[0].words == words
