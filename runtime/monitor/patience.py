"""Which alarms of a model are due when error over patience is what is promised. Pure.

By e-d-BH (`runtime.statistics.multiplicity`): of K detectors those k with the most evidence
are picked, for the largest k for which each of them has K / k times the patience. Alone a
detector needs what it needs where run length is promised; the more there are, the less each
needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import exp, log

import numpy as np

from runtime.monitor import sentences
from runtime.monitor.settings import Control, ModelWatch
from runtime.monitor.signals import Evidence, Verdict
from runtime.statistics.multiplicity import error_over_patience


def told(said: Sequence[Verdict], settings: ModelWatch, detectors: int) -> list[Verdict]:
    """Return the verdicts of a look with the limits that the model's `control` gives them.

    `detectors` is how many share the promise, also those that said nothing.
    """
    if settings.control is Control.RUN_LENGTH or not said:
        return list(said)
    # A look at two watches has two words of a detector; the last has all its rows.
    said = list({verdict.subject: verdict for verdict in said}.values())
    promised = sentences.promise(settings.false_alarm_days)
    instead = sentences.patience(settings.false_alarm_days)
    found = limited([verdict.evidence for verdict in said], detectors)
    return [
        replace(
            verdict, evidence=evidence,
            sentence=verdict.sentence.removesuffix(promised) + instead,
        )
        for verdict, evidence in zip(said, found, strict=True)
    ]  # fmt: skip


def limited(given: Sequence[Evidence], detectors: int) -> list[Evidence]:
    """Return evidence with the limit that those who are picked have reached.

    Each was promised `detectors` times the patience. Those that are not given have none.
    """
    if not given:
        return []
    detectors = max(detectors, len(given))
    patience = given[0].arl_looks / detectors
    log_e = np.full(detectors, -np.inf)
    log_e[: len(given)] = [evidence.log_e for evidence in given]
    picked = error_over_patience(log_e, patience)
    count = max(int(np.count_nonzero(picked)), 1)
    limit = log(patience) + log(detectors / count)
    # Rounding must not undo a choice.
    limit = min([limit, *log_e[picked].tolist()])
    return [replace(each, log_limit=limit, arl_looks=exp(limit)) for each in given]
