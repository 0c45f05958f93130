"""What `leeboard quality status` shows of a version: figures, gaps, coverage, promises."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from runtime.monitor.journal_store import JournalStore
from runtime.monitor.maturity import MOST, Maturity, scored
from runtime.monitor.predictions import Values
from runtime.monitor.quality import QualityBook
from runtime.monitor.quality_tally import gaps, metrics
from runtime.monitor.settings import ModelWatch, Task
from runtime.statistics.calibration import Promised
from runtime.statistics.estimates import Estimate
from runtime.statistics.groups import Gap
from runtime.statistics.ranking import uncertainty

CAVEAT = "holds only while nothing but the mix of inputs changes"


@dataclass(frozen=True, slots=True)
class QualityStatus:
    """How one version stands by its matured labels.

    `now` are the figures of the last window of rows and what came since, `baseline` those
    of the first matured labels; all intervals are of fixed windows. `promised` needs no
    label. `auc_uncertainty` is how far the binned area can be from the true one.
    """

    model: str
    version: int
    task: Task
    taken: int
    unfit: int
    why: str
    baseline_n: int
    baseline_wanted: int
    baseline: Mapping[str, Estimate]
    now: Mapping[str, Estimate]
    since_s: float
    until_s: float
    auc_uncertainty: float
    gaps: Mapping[str, Mapping[str, Gap]]
    tolerated_gap: float
    maturity: Maturity
    promised: Promised | None
    warnings: tuple[str, ...]


def scores_of(
    model: str, version: int, watch: ModelWatch, now_s: float
) -> Callable[[JournalStore], Values]:
    """Return the errand for a journal that tells the scores of the newest predictions."""

    def errand(store: JournalStore) -> Values:
        found = store.matured(model, version, now_s, MOST)
        scores = np.array([scored(each, watch) for each in found], dtype=np.float64)
        return scores[np.isfinite(scores)]

    return errand


def status_of(book: QualityBook, maturity: Maturity, scores: Values) -> QualityStatus:
    """Return how a version stands. Pure.

    `scores` are those of the newest predictions, labelled or not.
    """
    watch, latest = book.watch, book.windows.latest
    is_binary = watch.task is Task.BINARY
    return QualityStatus(
        model=book.model,
        version=book.version,
        task=watch.task,
        taken=book.taken,
        unfit=book.unfit,
        why=book.why,
        baseline_n=book.baseline_n,
        baseline_wanted=book.wanted,
        baseline=metrics(book.baseline_tally, watch.task),
        now=metrics(latest, watch.task),
        since_s=latest.since_s,
        until_s=latest.until_s,
        auc_uncertainty=uncertainty(latest.scores),
        gaps=gaps(latest, watch.labels.min_group),
        tolerated_gap=watch.labels.gap,
        maturity=maturity,
        promised=book.promised(scores) if is_binary else None,
        warnings=warnings_of(book, maturity),
    )


def warnings_of(book: QualityBook, maturity: Maturity) -> tuple[str, ...]:
    """Return what a reader of the figures must know, in sentences."""
    said = list(maturity.coverage.warnings)
    least = book.watch.labels.min_coverage
    if maturity.coverage.is_low(least):
        share = maturity.coverage.all.coverage * 100
        said.append(
            f"only {share:.1f} % of matured predictions have a label; below "
            f"{least * 100:g} % quality is not judged"
        )
    if book.baseline is None:
        said.append(
            f"the baseline has {book.baseline_n} of {book.wanted} labels; no harm yet"
        )
    if book.unfit:
        said.append(f"{book.unfit} labels do not fit the task; the last: {book.why}")
    return tuple(said)
