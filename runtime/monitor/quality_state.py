"""Tallies and pairs as JSON values and back, without losing a bit.

Numbers are written by their shortest form that reads back the same, so a book that is
restored goes on as if it had never stopped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from runtime.monitor.quality_outcomes import COLUMNS, Outcomes
from runtime.monitor.quality_tally import Mean, Tally
from runtime.statistics.calibration import Reliability
from runtime.statistics.classification import Confusion
from runtime.statistics.ranking import BINS, ScoreCounts
from runtime.statistics.regression import ErrorSums


def of_tally(tally: Tally) -> dict[str, Any]:
    """Return a tally as JSON values; bins of scores only where there is something."""
    return {
        "n": tally.n,
        "since_s": tally.since_s,
        "until_s": tally.until_s,
        "right": tally.right,
        "confusion": asdict(tally.confusion),
        "loss": asdict(tally.loss),
        "log_loss": asdict(tally.log_loss),
        "brier": asdict(tally.brier),
        "errors": asdict(tally.errors),
        "negatives": sparse(tally.scores.negatives),
        "positives": sparse(tally.scores.positives),
        "reliability": {k: v.tolist() for k, v in asdict(tally.reliability).items()},
        "groups": {
            key: {value: asdict(counts) for value, counts in values.items()}
            for key, values in tally.groups.items()
        },
    }


def tally_from(saved: Mapping[str, Any]) -> Tally:
    """Return the tally that `of_tally` was given."""
    bins = {name: np.asarray(v, np.float64) for name, v in saved["reliability"].items()}
    return Tally(
        saved["n"],
        saved["since_s"],
        saved["until_s"],
        saved["right"],
        Confusion(**saved["confusion"]),
        Mean(**saved["loss"]),
        Mean(**saved["log_loss"]),
        Mean(**saved["brier"]),
        ErrorSums(**saved["errors"]),
        ScoreCounts(dense(saved["negatives"]), dense(saved["positives"])),
        Reliability(**bins),
        {
            key: {value: Confusion(**counts) for value, counts in values.items()}
            for key, values in saved["groups"].items()
        },
    )


def sparse(counts: np.ndarray[Any, np.dtype[np.int64]]) -> dict[str, int]:
    """Return the counts that are not zero, by their place."""
    return {str(place): int(counts[place]) for place in np.flatnonzero(counts)}


def dense(saved: Mapping[str, int]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return the counts that `sparse` was given."""
    counts = np.zeros(BINS, np.int64)
    for place, count in saved.items():
        counts[int(place)] = count
    return counts


def of_outcomes(found: Outcomes) -> dict[str, Any]:
    """Return pairs as JSON values; NaN becomes null."""
    columns: dict[str, Any] = {
        name: [None if x != x else x for x in getattr(found, name).tolist()]
        for name in COLUMNS
    }
    return {**columns, "groups": [dict(values) for values in found.groups]}


def outcomes_from(saved: Mapping[str, Any]) -> Outcomes:
    """Return the pairs that `of_outcomes` was given."""
    columns = {name: np.array(saved[name], dtype=np.float64) for name in COLUMNS}
    return Outcomes.made(columns, tuple(saved["groups"]))
