"""Versions with many features: what is shown of them costs no more than is shown."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import numpy.typing as npt
import pytest

from runtime.backends.base import Signature, TensorSpec
from runtime.metrics.exposition import render
from runtime.metrics.monitor import TOP, monitor_families
from runtime.monitor import drift as drifts
from runtime.monitor import learning
from runtime.monitor.alarm_book import Book
from runtime.monitor.looks import Look
from runtime.monitor.plan import plan_of
from runtime.monitor.settings import ModelWatch
from runtime.monitor.signals import Aspect
from runtime.monitor.standing import status_of
from runtime.monitor.state import watched
from runtime.monitor.version_watch import VersionWatch, look_of

FEATURES = 40
Rows = npt.NDArray[np.float32]


def rows_of(n: int, seed: int) -> Rows:
    return np.random.default_rng(seed).normal(size=(n, FEATURES)).astype(np.float32)


def looked(watch: VersionWatch, rows: Rows) -> Look:
    profile = watch.profiles[0].fresh()
    profile.add(rows)
    return look_of(profile)


@pytest.fixture
def watch() -> VersionWatch:
    """A version with forty inputs, held to a thousand rows."""
    inputs = (TensorSpec("x", "FP32", (-1, FEATURES)),)
    signature = Signature(inputs=inputs, outputs=(), platform="onnx", batchable=True)
    made = VersionWatch(("m", 1), plan_of(signature, True, ModelWatch()), ModelWatch(), 1.0)
    tensor = made.plan.tensors[0]
    blank = learning.blank_profile(tensor)
    blank.add(rows_of(1_000, 1))
    edges = learning.edges_of(blank)
    made.use_edges([edges], [])
    reference = learning.reference_of(tensor, edges, looked(made, rows_of(1_000, 2)))
    made.begin([reference], "sha256:0", 1.0)
    return made


def shifted(watch: VersionWatch, features: int) -> None:
    """Have some features move, the later ones further, at one look."""
    rows = rows_of(500, 3)
    rows[:, :features] += np.linspace(0.5, 2.0, features, dtype=np.float32)
    watch.drifting[0].look(looked(watch, rows), 2.0)


def test_the_most_evident_subjects_are_chosen_and_the_others_counted(
    watch: VersionWatch,
) -> None:
    shifted(watch, 7)
    everything = status_of(watch)
    some = status_of(watch, 5)
    by_share = sorted(everything.subjects, key=lambda s: -s.share)
    chosen = [each for each in some.subjects if each.aspect is not Aspect.SCHEMA]
    assert {each.name for each in chosen} == {each.name for each in by_share[:5]}
    assert set(chosen) <= set(everything.subjects)
    assert some.more == len(everything.subjects) - len(some.subjects)
    assert some.more_evidence == pytest.approx(by_share[5].share)
    assert (everything.more, everything.more_evidence) == (0, 0.0)


def test_metrics_are_the_same_whether_some_or_all_subjects_are_asked_for(
    watch: VersionWatch,
) -> None:
    shifted(watch, FEATURES)

    def page(most: int | None) -> list[str]:
        families = monitor_families(watched([status_of(watch, most)], Book()))
        lines = render(families, openmetrics=False).splitlines()
        # Which of equals come first is another matter.
        nameless = [re.sub(r'name="[^"]*"', "", line) for line in lines]
        return [each for each in nameless if "_evidence_ratio" in each or "_subj" in each]

    lean = page(TOP)
    assert lean == page(None)
    assert sum("kind=" in line for line in lean) == TOP


def test_the_window_is_counted_once_a_look_for_all_features(
    watch: VersionWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    drift, counted = watch.drifting[0], []

    def counting(test: drifts.Test) -> drifts.Test:
        def counts(look: Look) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
            counted.append(test.aspect)
            return test.counts(look)

        return dataclasses.replace(test, counts=counts)

    monkeypatch.setattr(drift, "tests", [counting(test) for test in drift.tests])
    shifted(watch, FEATURES)
    status_of(watch)
    # Once for the look itself, and once for what the window shows.
    assert len(counted) == 2 * len(drift.tests)


def test_what_is_shown_follows_the_looks(watch: VersionWatch) -> None:
    shifted(watch, 1)
    before = status_of(watch).subjects[0].effect.value
    for _ in range(40):
        watch.drifting[0].look(looked(watch, rows_of(500, 4)), 3.0)
    assert before > 0.15 > status_of(watch).subjects[0].effect.value


def test_an_index_without_its_bias_is_never_negative(watch: VersionWatch) -> None:
    shifted(watch, 0)
    shown = [each.psi for each in status_of(watch).subjects if each.psi is not None]
    assert len(shown) == FEATURES
    assert min(shown) == 0.0
