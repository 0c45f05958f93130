"""A book over nannyml's car loans: its windows and promises are nannyml's chunks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from runtime.monitor.quality import QualityBook
from runtime.monitor.quality_tally import metrics
from runtime.testing.nannyml_data import car_loan
from tests.known_statistics import known, wheel_or_skip
from tests.unit.monitor.quality_pairs import BINARY, pair

CHUNK = 5_000
KNOWN = known()["nannyml"]


def test_windows_and_promises_are_those_of_nannyml() -> None:
    loans = car_loan(wheel_or_skip())
    scores = loans.analysis["y_pred_proba"][: 2 * CHUNK]
    truths = loans.labels["repaid"][: 2 * CHUNK]
    book = QualityBook("loans", 3, replace(BINARY, window_rows=CHUNK))
    book.calibrate(loans.reference["repaid"], loans.reference["y_pred_proba"])
    book.take(
        [pair(n + 1, scores[n], float(truths[n]), model="loans") for n in range(2 * CHUNK)]
    )
    closed = [metrics(tally, BINARY.task) for tally in book.windows.closed_rows]
    realized = KNOWN["realized_chunk5000"]
    found = [each["auc"].value for each in closed]
    assert found == pytest.approx(realized["roc_auc"][:2], abs=2e-3)
    promises = [book.promised(part) for part in np.split(scores, 2)]
    wanted = KNOWN["cbpe_chunk5000"]["roc_auc"][:2]
    areas = [each.auc for each in promises if each is not None]
    assert areas == pytest.approx(wanted, abs=1e-5)
