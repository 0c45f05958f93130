"""How a watched version stands, for people and metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import numpy as np

from runtime.metrics.monitor import TOP, rank
from runtime.monitor.drift import TensorDrift, Test
from runtime.monitor.looks import Look
from runtime.monitor.settings import ModelWatch
from runtime.monitor.signals import Aspect, Effect
from runtime.monitor.state import (
    Bins,
    ReferenceStatus,
    SubjectStatus,
    VersionStatus,
    WindowStatus,
    watched_subject,
)
from runtime.monitor.version_watch import Phase, VersionWatch
from runtime.statistics import distances
from runtime.statistics.bernoulli import BernoulliDetector
from runtime.statistics.betting import CategoryDetector

UNKNOWN = Effect("", 0.0, 0.0)
"""The effect of what no page shows."""


def status_of(watch: VersionWatch, *, is_brief: bool = False) -> VersionStatus:
    """Return all that is shown of a version; in brief, what metrics need of it."""
    model, version = watch.key
    return VersionStatus(
        model,
        version,
        watch.seen.rows,
        watch.coverage(),
        watch.seen.looks,
        watch.last_look_s,
        _reference(watch),
        _window(watch),
        tuple(brief_subjects(watch) if is_brief else _all_subjects(watch)),
        _note(watch, watch.settings),
    )


def _reference(watch: VersionWatch) -> ReferenceStatus | None:
    """Return what was given, or what was learned where that is all."""
    given, learned = watch.given, watch.origin
    if given.digest:
        rows = max((one.rows for one in given.references if one is not None), default=0)
        return ReferenceStatus(given.digest, given.origin, rows)
    if learned is None:
        return None
    return ReferenceStatus(learned.digest, learned.name, learned.rows, learned.made_s)


def _all_subjects(watch: VersionWatch) -> Iterator[SubjectStatus]:
    for drift in watch.drifting:
        yield from _subjects(drift, watch.last_look_s)
    refused = watch.schema.verdict(watch.last_look_s)
    yield SubjectStatus(
        refused.subject.kind, refused.subject.name, refused.subject.aspect,
        refused.evidence, refused.effect, rows=refused.evidence.rows,
        since=refused.since if refused.is_firing else None,
        sentence=refused.sentence if refused.is_firing else "",
    )  # fmt: skip


def brief_subjects(watch: VersionWatch) -> Iterator[SubjectStatus]:
    """Yield all subjects with their evidence, and with effects those `TOP` with the most.

    Metrics show no others, and with a thousand features an effect of each takes a tenth of
    a second.
    """
    found: list[tuple[SubjectStatus, Callable[[], Effect]]] = []
    for drift in watch.drifting:
        for place, test in enumerate(drift.tests):
            findings = test.detector.findings(drift.states[place])
            for at, feature in enumerate(test.features.tolist()):
                name = drift.reference.features[feature]
                evidence = drift.evidence(at, findings)
                one = SubjectStatus(drift.about.kind, name, test.aspect, evidence, UNKNOWN)
                found.append((one, partial(drift.effect, test, at, findings)))
    refused = watch.schema.verdict(watch.last_look_s)
    subject = refused.subject
    one = SubjectStatus(
        subject.kind, subject.name, subject.aspect, refused.evidence, UNKNOWN
    )
    found.append((one, lambda: refused.effect))
    found.sort(key=lambda pair: rank(watched_subject(pair[0])))
    for place, (one, effect) in enumerate(found):
        yield replace(one, effect=effect()) if place < TOP else one


def _window(watch: VersionWatch) -> WindowStatus | None:
    window = next((drift.window for drift in watch.drifting if drift.window.halves), None)
    if window is None:
        return None
    return WindowStatus(window.look().rows, window.begin_s, window.end_s)


def _note(watch: VersionWatch, settings: ModelWatch) -> str:
    notes = [watch.given.trouble] if watch.given.trouble else []
    learned = [watch.profiles[place] for place in watch.learners]
    if watch.phase is Phase.EDGES:
        rows = max((profile.rows for profile in learned), default=0)
        notes.append(f"{rows:,} rows are there of those that edges are chosen from")
    elif watch.phase is Phase.REFERENCE:
        rows = max((look.rows for look in watch.gathered), default=0)
        notes.append(
            f"its first rows become the reference: {rows:,} of {settings.reference_rows:,}"
        )
    elif watch.learners and watch.given.digest:
        names = ", ".join(watch.plan.tensors[place].name for place in watch.learners)
        notes.append(f"its first rows are the reference of {names}")
    notes += watch.plan.unwatched
    if watch.seen.other_length:
        notes.append(f"{watch.seen.other_length:,} rows had another length")
    return "; ".join(notes)


def _subjects(drift: TensorDrift, time_s: float) -> list[SubjectStatus]:
    window = drift.window.look()
    found = []
    for place, test in enumerate(drift.tests):
        findings = test.detector.findings(drift.states[place])
        for at in range(len(test.features)):
            verdict = drift.verdict(place, at, findings, time_s)
            feature = int(test.features[at])
            bins = _bins(drift, test, feature, window)
            found.append(
                SubjectStatus(
                    verdict.subject.kind, verdict.subject.name, verdict.subject.aspect,
                    verdict.evidence, verdict.effect,
                    *_compared(drift, test, feature, window),
                    rows=window.rows, missing=int(window.missing[feature]),
                    since=verdict.since if verdict.is_firing else None,
                    sentence=verdict.sentence if verdict.is_firing else "", bins=bins,
                )
            )  # fmt: skip
    return found


def _counts(
    drift: TensorDrift, feature: int, window: Look
) -> tuple[list[float], list[float]]:
    """Return how many values were in each bin, of the reference and of the window."""
    reference = drift.reference
    known = ~np.isnan(reference.edges[feature])
    above = np.concatenate([[1.0], reference.shares[feature, known], [0.0]])
    live = np.concatenate([[window.finite[feature]], window.above[feature, known], [0]])
    rows = reference.rows * (1.0 - reference.missing[feature])
    return list(-np.diff(above) * rows), list(-np.diff(live).astype(float))


def _compared(
    drift: TensorDrift, test: Test, feature: int, window: Look
) -> tuple[float | None, float | None, float | None]:
    """Return PSI without its bias, its limit and KS, where they apply."""
    is_numeric = test.aspect is Aspect.DRIFT and not isinstance(
        test.detector, CategoryDetector | BernoulliDetector
    )
    if not is_numeric or not window.finite[feature]:
        return None, None, None
    reference, live = _counts(drift, feature, window)
    found = distances.stability(reference, live)
    ks = distances.ks_on_grid(reference, live)
    return found.plain - found.bias, found.limit, ks


def _bins(drift: TensorDrift, test: Test, feature: int, window: Look) -> Bins | None:
    if test.aspect is not Aspect.DRIFT or not window.finite[feature]:
        return None
    if isinstance(test.detector, CategoryDetector):
        known = ~np.isnan(drift.reference.categories[feature])
        live = window.known[feature, known] / window.finite[feature]
        labels = tuple(f"{value:g}" for value in drift.reference.categories[feature, known])
        shares = drift.reference.category_shares[feature, known]
        return Bins((), labels, tuple(shares.tolist()), tuple(live.tolist()))
    reference, counts = _counts(drift, feature, window)
    edges = drift.reference.edges[feature]
    return Bins(
        tuple(edges[~np.isnan(edges)].tolist()),
        (),
        tuple(float(count / max(sum(reference), 1)) for count in reference),
        tuple(float(count / max(sum(counts), 1)) for count in counts),
    )
