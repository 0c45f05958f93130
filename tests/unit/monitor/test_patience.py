"""Error over patience: who is picked, at which limit, and what is said of it."""

from __future__ import annotations

from dataclasses import replace
from math import log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.errors import ConfigError
from runtime.monitor import sentences
from runtime.monitor.patience import limited, told
from runtime.monitor.settings import DEFAULT, Control, ModelWatch
from runtime.monitor.settings_file import made
from runtime.monitor.signals import Evidence, Verdict
from runtime.statistics.multiplicity import error_over_patience
from tests.unit.monitor.said import other, verdict

PATIENCE = 1_000.0
WATCH = replace(DEFAULT, control=Control.ERROR_OVER_PATIENCE)


def evidence(log_e: float, detectors: int) -> Evidence:
    arl = PATIENCE * detectors
    return Evidence(log_e, log(arl), arl, 10, 200)


def said(log_e: list[float], detectors: int) -> list[Verdict]:
    promise = sentences.promise(DEFAULT.false_alarm_days)
    return [
        replace(
            verdict(0.0, each, subject=other(f"x{place}")),
            evidence=evidence(each, detectors),
            sentence=f"x{place} has moved.{promise}",
        )
        for place, each in enumerate(log_e)
    ]


@given(st.lists(st.floats(0.0, 20.0), min_size=1, max_size=12), st.integers(0, 30))
def test_those_over_the_limit_are_those_that_e_d_bh_picks(
    log_e: list[float], silent: int
) -> None:
    detectors = len(log_e) + silent
    found = limited([evidence(each, detectors) for each in log_e], detectors)
    everything = np.array([*log_e, *[-np.inf] * silent])
    picked = error_over_patience(everything, PATIENCE)[: len(log_e)]
    assert [each.is_over for each in found] == picked.tolist()


def test_alone_a_detector_needs_what_it_needs_for_a_run_length() -> None:
    [found] = limited([evidence(5.0, 40)], 40)
    assert found.log_limit == pytest.approx(log(40 * PATIENCE))
    assert found.arl_looks == pytest.approx(40 * PATIENCE)


@pytest.mark.parametrize("count", [2, 10, 40])
def test_the_more_have_moved_the_less_each_needs(count: int) -> None:
    needed = log(PATIENCE * 40 / count)
    given = [evidence(needed + 0.01, 40)] * count
    found = limited(given, 40)
    assert all(each.is_over for each in found)
    assert found[0].log_limit == pytest.approx(needed)
    assert found[0].arl_looks == pytest.approx(PATIENCE * 40 / count)
    assert not any(each.is_over for each in limited(given[1:], 40))


def test_verdicts_have_the_limit_and_say_what_is_promised() -> None:
    limit = log(PATIENCE * 40 / 3)
    first, _, last = told(said([limit + 1, limit + 2, limit + 0.1], 40), WATCH, 40)
    assert first.is_firing
    assert last.is_firing
    assert last.evidence.log_limit == pytest.approx(limit)
    assert first.sentence == "x0 has moved." + sentences.patience(30.0)


def test_where_run_length_is_promised_nothing_changes() -> None:
    given = said([9.0, 9.0], 40)
    assert told(given, DEFAULT, 40) == given
    assert told([], WATCH, 40) == []
    assert limited([], 40) == []


def test_at_most_the_stated_share_is_false_for_the_time_waited() -> None:
    """Ten streams of coins, three of them loaded, judged at each of forty looks."""
    rng = np.random.default_rng(7)
    runs, streams, loaded, looks = 500, 10, 3, 40
    patience = 100.0
    logs = np.full((runs, streams), -np.inf)
    worst = 0.0
    for look in range(1, looks + 1):
        heads = rng.random((runs, streams)) < np.where(
            np.arange(streams) < loaded, 0.9, 0.5
        )
        logs = np.logaddexp(logs, 0.0) + np.log(np.where(heads, 1.5, 0.5))
        shares = []
        for row in logs:
            found = limited(
                [Evidence(max(e, 0.0), 0.0, patience * streams, look, 1) for e in row],
                streams,
            )
            over = np.array([each.is_over for each in found])
            shares.append(over[loaded:].sum() / max(over.sum(), 1))
        worst = max(worst, float(np.mean(shares)) / (look / patience))
    assert worst <= 1.0


def test_it_is_chosen_in_the_file() -> None:
    chosen = made(ModelWatch, {"control": "error_over_patience"}, "models.m")
    assert chosen == WATCH
    with pytest.raises(ConfigError, match="one of run_length, error_over_patience"):
        made(ModelWatch, {"control": "fdr"}, "models.m")


@given(st.lists(st.floats(0.0, 20.0), min_size=1, max_size=12))
def test_while_nothing_has_moved_the_run_length_is_kept(log_e: list[float]) -> None:
    """An alarm needs a mean of all statistics, which is an e-detector, of the patience."""
    found = limited([evidence(each, len(log_e)) for each in log_e], len(log_e))
    if any(each.is_over for each in found):
        assert np.mean(np.exp(log_e)) >= PATIENCE * (1.0 - 1e-9)


def test_of_two_words_about_one_detector_the_last_counts() -> None:
    limit = log(PATIENCE * 40)
    first, last = said([limit - 1.0], 40), said([limit + 0.1], 40)
    assert [each.is_firing for each in told([*first, *last], WATCH, 40)] == [True]
    assert [each.is_firing for each in told([*last, *first], WATCH, 40)] == [False]
