"""Distances that are shown on request, against scipy."""

from __future__ import annotations

import numpy as np
import pytest

from runtime.monitor.compared import NAMES, distances_of
from runtime.monitor.state import Bins

BINS = Bins((0.0, 1.0), (), (0.5, 0.3, 0.2), (0.2, 0.3, 0.5))


def test_they_are_those_of_the_shares() -> None:
    spatial = pytest.importorskip("scipy.spatial.distance")
    stats = pytest.importorskip("scipy.stats")
    found = distances_of(BINS, 1_000, 400)
    assert tuple(found) == NAMES
    p, q = np.array(BINS.live), np.array(BINS.reference)
    assert found["JS"] == pytest.approx(spatial.jensenshannon(p, q, base=2))
    assert found["TV"] == pytest.approx(0.3)
    assert found["L-inf"] == pytest.approx(0.3)
    assert found["Hellinger"] == pytest.approx(
        np.sqrt(((np.sqrt(p) - np.sqrt(q)) ** 2).sum() / 2)
    )
    table = np.stack([q * 1_000, p * 400])
    wanted = stats.chi2_contingency(table, correction=False).pvalue
    assert found["chi2 p"] == pytest.approx(wanted, rel=1e-6)


def test_nothing_is_compared_with_nothing() -> None:
    assert distances_of(BINS, 1_000, 0) == {}
    assert distances_of(Bins((0.0,), (), (0.0, 0.0), (0.5, 0.5)), 10, 10) == {}


def test_the_same_shares_are_no_distance() -> None:
    same = Bins((0.0,), (), (0.4, 0.6), (0.4, 0.6))
    found = distances_of(same, 500, 500)
    assert found["chi2 p"] == pytest.approx(1.0)
    assert max(value for name, value in found.items() if name != "chi2 p") < 1e-9
