"""What is shown of a version: all of it to people, in brief to metrics."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from runtime.metrics.monitor import TOP
from runtime.monitor.given import Given, placed
from runtime.monitor.settings import DEFAULT
from runtime.monitor.signals import Aspect
from runtime.monitor.standing import status_of
from runtime.monitor.version_watch import VersionWatch
from runtime.profiles import Reference
from tests.unit.monitor.filled import look, plan, watch_of

SMALL = replace(DEFAULT, reference_rows=1_000)


def given_watch(features: int, shift: float = 0.0) -> VersionWatch:
    rng = np.random.default_rng(11)
    made = Reference.from_rows(rng.normal(size=(3_000, features)))
    watched, references = placed(plan([("x", "FP32", features)]), made)
    watch = watch_of(watched, Given(references, "r.json", "sha256:d"))
    for step in range(6):
        rows = rng.normal(size=(400, features))
        rows[:, 0] += shift
        look(watch, float(step), rows)
    return watch


def test_the_subjects_with_the_most_evidence_come_first_and_the_rest_is_counted() -> None:
    watch = given_watch(30, shift=0.5)
    whole, some = status_of(watch), status_of(watch, most=TOP)
    moved = next(one for one in some.subjects if one.name == "x[0]")
    assert moved in whole.subjects
    # The requests' schema is always shown.
    assert len(some.subjects) == TOP + 1
    assert some.more == len(whole.subjects) - len(some.subjects)
    assert some.more_evidence <= min(one.share for one in some.subjects[:TOP])


def test_what_has_moved_has_its_distances_and_its_sentence() -> None:
    status = status_of(given_watch(3, shift=1.0))
    moved = next(
        s for s in status.subjects if s.name == "x[0]" and s.aspect is Aspect.DRIFT
    )
    calm = next(s for s in status.subjects if s.name == "x[1]" and s.aspect is Aspect.DRIFT)
    assert moved.psi is not None
    assert moved.psi_limit is not None
    assert moved.psi > moved.psi_limit
    assert moved.ks is not None
    assert 0.3 < moved.ks < 0.45
    assert "x[0] of m version 3 has moved" in moved.sentence
    assert calm.sentence == ""
    assert calm.bins is not None
    assert abs(sum(calm.bins.live) - 1.0) < 1e-9


def test_notes_say_what_a_version_still_learns_and_what_is_not_watched() -> None:
    watched = plan([("x", "FP32", 2), ("t", "BYTES", 1)])
    watch = watch_of(watched, settings=SMALL)
    rows = np.random.default_rng(0).normal(size=(400, 2))
    look(watch, 0.0, rows)
    young = status_of(watch)
    assert young.reference is None
    assert young.note.startswith("400 rows are there of those that edges are chosen from")
    assert "input t has the datatype BYTES" in young.note
    look(watch, 1.0, np.tile(rows, (2, 1)))
    look(watch, 2.0, rows)
    assert "its first rows become the reference: 400 of 1,000" in status_of(watch).note


def test_trouble_with_what_was_given_comes_first() -> None:
    given = Given((None,), trouble="its reference is not used")
    watch = watch_of(plan([("x", "FP32", 1)]), given)
    assert status_of(watch).note.startswith("its reference is not used; ")


def test_what_was_given_is_the_reference_and_what_learns_is_said() -> None:
    rng = np.random.default_rng(1)
    made = Reference.from_rows(rng.normal(size=(3_000, 2)))
    watched, references = placed(plan([("x", "FP32", 2)], [("y", "FP32", 1)]), made)
    watch = watch_of(watched, Given(references, "r.json", "sha256:d"), SMALL)
    for step in range(5):
        look(watch, float(step), rng.normal(size=(500, 2)), rng.normal(size=(500, 1)))
    status = status_of(watch)
    assert status.reference is not None
    assert (status.reference.origin, status.reference.rows) == ("r.json", 3_000)
    assert status.note == "its first rows are the reference of y"
    assert {one.name for one in status.subjects} == {"x[0]", "x[1]", "y", "requests"}
