"""The chi-squared distribution against scipy's."""

from __future__ import annotations

from importlib import import_module
from math import inf, nan
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.statistics import chi_squared

CHI2: Any = import_module("scipy.stats").chi2


@settings(deadline=None)
@given(st.floats(0, 500), st.integers(1, 200))
def test_the_tail_is_that_of_scipy(x: float, dof: int) -> None:
    wanted = CHI2.sf(x, dof)
    assert chi_squared.tail(x, dof) == pytest.approx(wanted, rel=1e-9, abs=1e-14)


@settings(deadline=None)
@given(st.floats(1e-6, 1 - 1e-6), st.integers(1, 200))
def test_quantiles_are_those_of_scipy(p: float, dof: int) -> None:
    assert chi_squared.quantile(p, dof) == pytest.approx(CHI2.ppf(p, dof), rel=1e-6)


def test_the_ends_are_certain() -> None:
    assert chi_squared.tail(0.0, 3) == 1.0
    assert chi_squared.tail(-1.0, 3) == 1.0
    assert chi_squared.tail(inf, 3) == 0.0


@pytest.mark.parametrize(("x", "dof"), [(1.0, 0), (1.0, -2), (nan, 3), (1.0, nan)])
def test_what_has_no_tail_is_refused(x: float, dof: float) -> None:
    with pytest.raises(ValueError, match="no chi-squared tail"):
        chi_squared.tail(x, dof)


@pytest.mark.parametrize("p", [0.0, 1.0, -1.0, nan])
def test_what_is_no_chance_has_no_quantile(p: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        chi_squared.quantile(p, 3)
