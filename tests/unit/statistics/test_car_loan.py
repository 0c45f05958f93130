"""50,000 loans: our figures against nannyml's for ten chunks of 5,000.

Its Wasserstein and Kolmogorov-Smirnov distances are of 10,000 bins between the least and
the largest value of the reference, ours are exact: they may differ by the width of a bin,
and by the share of rows in one.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from runtime.statistics import calibration as ca
from runtime.statistics import classification as cl
from runtime.statistics import distances as di
from runtime.statistics import distances_of_samples as ds
from runtime.statistics import ranking as ra
from runtime.testing.nannyml_data import Column, DataSet, car_loan
from tests.known_statistics import known, wheel_or_skip

KNOWN = known()["nannyml"]
CHUNKS = [slice(start, start + 5_000) for start in range(0, 50_000, 5_000)]
NUMBERS = ("car_value", "debt_to_income_ratio", "driver_tenure")
CBPE, EXACT, KS = 1e-5, 1e-9, 5e-4


@pytest.fixture(scope="module")
def loans() -> DataSet:
    return car_loan(wheel_or_skip())


def test_quality_without_labels_is_nannymls(loans: DataSet) -> None:
    ref, now = loans.reference, loans.analysis
    chances = ca.isotonic(ref["repaid"], ref["y_pred_proba"])(now["y_pred_proba"])
    found = [
        ca.promised(chances[c], now["y_pred"][c], now["y_pred_proba"][c]) for c in CHUNKS
    ]
    wanted = KNOWN["cbpe_chunk5000"]
    assert [each.auc for each in found] == pytest.approx(wanted["roc_auc"], abs=CBPE)
    assert [each.f1 for each in found] == pytest.approx(wanted["f1"], abs=CBPE)
    assert [each.accuracy for each in found] == pytest.approx(wanted["accuracy"], abs=CBPE)


def test_quality_with_labels_is_nannymls(loans: DataSet) -> None:
    truth, said = loans.labels["repaid"], loans.analysis["y_pred"]
    scores, wanted = loans.analysis["y_pred_proba"], KNOWN["realized_chunk5000"]
    counts = [cl.confusion(truth[c], said[c]) for c in CHUNKS]
    areas = [ra.exact_auc(truth[c], scores[c]) for c in CHUNKS]
    binned = [ra.binned_auc(ra.score_counts(truth[c], scores[c])).value for c in CHUNKS]
    assert areas == pytest.approx(wanted["roc_auc"], abs=EXACT)
    assert binned == pytest.approx(wanted["roc_auc"], abs=2e-3)
    assert [cl.f1(each).value for each in counts] == pytest.approx(wanted["f1"], abs=EXACT)
    shown = [cl.accuracy(each).value for each in counts]
    assert shown == pytest.approx(wanted["accuracy"], abs=EXACT)


@pytest.mark.parametrize("name", NUMBERS)
def test_distances_of_numbers_are_nannymls(loans: DataSet, name: str) -> None:
    ref, now = loans.reference[name], loans.analysis[name]
    edges = np.histogram_bin_edges(ref, bins="doane")

    def counts(values: Column) -> Column:
        found = np.histogram(values, edges)[0]
        return np.append(found, values.size - found.sum())

    def chunks(distance: Callable[[Column, Column], float]) -> list[float]:
        return [distance(counts(ref), counts(now[c])) for c in CHUNKS]

    def wanted(method: str) -> list[float]:
        return list(KNOWN[f"univariate_{method}"][name])

    width = float(np.ptp(ref)) / 10_000
    assert chunks(di.jensen_shannon) == pytest.approx(wanted("jensen_shannon"), abs=EXACT)
    assert chunks(di.hellinger) == pytest.approx(wanted("hellinger"), abs=EXACT)
    far = [ds.kolmogorov_smirnov(ref, now[c]) for c in CHUNKS]
    assert far == pytest.approx(wanted("kolmogorov_smirnov"), abs=KS)
    moved = [ds.wasserstein(ref, now[c]) for c in CHUNKS]
    assert moved == pytest.approx(wanted("wasserstein"), abs=1.5 * width)


def test_distances_of_categories_are_nannymls(loans: DataSet) -> None:
    ref, now = loans.reference["salary_range"], loans.analysis["salary_range"]
    kinds = np.unique(np.concatenate([ref, now]))

    def counts(values: Column) -> list[int]:
        return [int(np.count_nonzero(values == kind)) for kind in kinds]

    wanted = KNOWN["categorical_salary_range"]
    pairs = [(counts(ref), counts(now[c])) for c in CHUNKS]
    chi2 = [di.chi_squared_test(*pair).statistic for pair in pairs]
    assert chi2 == pytest.approx(wanted["chi2"], abs=EXACT)
    far = [di.jensen_shannon(*pair) for pair in pairs]
    assert far == pytest.approx(wanted["jensen_shannon"], abs=EXACT)
    assert [di.l_infinity(*pair) for pair in pairs] == pytest.approx(wanted["l_infinity"])
