"""How a watched version stands, for people and metrics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from runtime.monitor.drift import TensorDrift, Test
from runtime.monitor.looks import Look
from runtime.monitor.settings import ModelWatch
from runtime.monitor.signals import Aspect
from runtime.monitor.state import (
    Bins,
    ReferenceStatus,
    SubjectStatus,
    VersionStatus,
    WindowStatus,
)
from runtime.monitor.version_watch import Phase, VersionWatch
from runtime.statistics import distances
from runtime.statistics.bernoulli import BernoulliDetector
from runtime.statistics.betting import CategoryDetector

Chosen = Mapping[tuple[int, int], Sequence[int]]
"""Features of a test, by the places of its tensor and of itself."""


def status_of(watch: VersionWatch, most: int | None = None) -> VersionStatus:
    """Return all that is shown of a version, or of the `most` subjects with most evidence.

    A subject costs some tens of microseconds, and a version may have thousands.
    """
    model, version = watch.key
    chosen, more, more_evidence = _chosen(watch, most)
    return VersionStatus(
        model,
        version,
        watch.seen.rows,
        watch.coverage(),
        watch.seen.looks,
        watch.last_look_s,
        _reference(watch),
        _window(watch),
        tuple(_all_subjects(watch, chosen)),
        _note(watch, watch.settings),
        more,
        more_evidence,
    )


def _chosen(watch: VersionWatch, most: int | None) -> tuple[Chosen, int, float]:
    """Return which subjects are shown, how many are not, and the most evidence of those."""
    shares: list[npt.NDArray[np.float64]] = []
    owners: list[tuple[int, int, int]] = []
    for at, drift in enumerate(watch.drifting):
        for place, (test, state) in enumerate(zip(drift.tests, drift.states, strict=True)):
            found = test.detector.findings(state)
            shares.append(np.maximum(found.log_e, 0.0) / found.log_limit)
            owners += [(at, place, feature) for feature in range(len(test.features))]
    all_shares = np.concatenate(shares) if shares else np.zeros(0)
    order = np.argsort(-all_shares, kind="stable")
    cut = len(order) if most is None else most
    chosen: dict[tuple[int, int], list[int]] = {}
    for index in np.sort(order[:cut]):
        at, place, feature = owners[index]
        chosen.setdefault((at, place), []).append(feature)
    left = all_shares[order[cut:]]
    return chosen, len(left), float(left[0]) if left.size else 0.0


def _reference(watch: VersionWatch) -> ReferenceStatus | None:
    """Return what was given, or what was learned where that is all."""
    given, learned = watch.given, watch.origin
    if given.digest:
        rows = max((one.rows for one in given.references if one is not None), default=0)
        return ReferenceStatus(given.digest, given.origin, rows)
    if learned is None:
        return None
    return ReferenceStatus(learned.digest, learned.name, learned.rows, learned.made_s)


def _all_subjects(watch: VersionWatch, chosen: Chosen) -> Iterator[SubjectStatus]:
    drifts = list(watch.drifting)
    for (at, place), features in chosen.items():
        yield from _subjects(drifts[at], place, features, watch.last_look_s)
    refused = watch.schema.verdict(watch.last_look_s)
    yield SubjectStatus(
        refused.subject.kind, refused.subject.name, refused.subject.aspect,
        refused.evidence, refused.effect, rows=refused.evidence.rows,
        since=refused.since if refused.is_firing else None,
        sentence=refused.sentence if refused.is_firing else "",
    )  # fmt: skip


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


def _subjects(
    drift: TensorDrift, place: int, features: Sequence[int], time_s: float
) -> Iterator[SubjectStatus]:
    window, test = drift.window.look(), drift.tests[place]
    findings = test.detector.findings(drift.states[place])
    for at in features:
        verdict = drift.verdict(place, at, findings, time_s)
        feature = int(test.features[at])
        yield SubjectStatus(
            verdict.subject.kind, verdict.subject.name, verdict.subject.aspect,
            verdict.evidence, verdict.effect,
            *_compared(drift, test, feature, window),
            rows=window.rows, missing=int(window.missing[feature]),
            since=verdict.since if verdict.is_firing else None,
            sentence=verdict.sentence if verdict.is_firing else "",
            bins=_bins(drift, test, feature, window),
        )  # fmt: skip


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
    return found.corrected, found.limit, ks


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
