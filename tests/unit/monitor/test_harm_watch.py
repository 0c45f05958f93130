"""Harm: what a look of losses says, since when, and that a restart changes nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from runtime.monitor.harm_watch import HarmWatch
from runtime.monitor.settings import LabelsWatch, ModelWatch, Task
from runtime.monitor.signals import Aspect, Kind, Subject, Verdict

T = 1_900_000_000.0
KEY = ("fraud", 3)
LOOKS = 100_000.0
WATCH = ModelWatch(task=Task.BINARY, labels=LabelsWatch(eps=0.05))

Losses = npt.NDArray[np.float64]


def begun(rng: np.random.Generator, n: int = 2_000) -> HarmWatch:
    harm = HarmWatch(KEY, WATCH, LOOKS)
    harm.begin((rng.random(n) < 0.1).astype(float))
    return harm


def looked(
    harm: HarmWatch, losses: Losses, size: int = 50, from_s: float = T
) -> list[Verdict]:
    """Look after look; each loss is of a prediction a second after the one before."""
    said = []
    for start in range(0, losses.size, size):
        part = losses[start : start + size]
        times = from_s + start + np.arange(part.size, dtype=float)
        said += harm.look(part, times, from_s + start + size)
    return said


def coins(rng: np.random.Generator, n: int, share: float) -> Losses:
    return (rng.random(n) < share).astype(float)


def test_without_a_baseline_or_losses_nothing_is_said(rng: np.random.Generator) -> None:
    harm = HarmWatch(KEY, WATCH, LOOKS)
    assert harm.baseline is None
    assert harm.look(np.ones(50), np.full(50, T), T) == []
    assert harm.to_arrays() == {}
    harm = begun(rng)
    assert harm.look(np.zeros(0), np.zeros(0), T) == []


def test_a_model_that_stays_as_it_was_is_calm(rng: np.random.Generator) -> None:
    harm = begun(rng)
    said = looked(harm, coins(rng, 5_000, 0.1))
    assert len(said) == 100
    assert not any(each.is_firing for each in said)
    assert all(each.evidence.log_e >= 0.0 for each in said)


def test_harm_is_said_with_label_time_counts_and_sentence(rng: np.random.Generator) -> None:
    harm = begun(rng)
    looked(harm, coins(rng, 1_000, 0.1))
    found = looked(harm, coins(rng, 300, 0.5), from_s=T + 1_000)[-1]
    assert harm.baseline is not None
    before = harm.baseline.mean
    assert found.subject == Subject("fraud", 3, Kind.QUALITY, "loss", Aspect.HARM)
    assert found.is_firing
    assert found.evidence.arl_looks == LOOKS
    assert found.evidence.log_limit == pytest.approx(np.log(LOOKS))
    assert (found.evidence.looks, found.evidence.rows) == (26, 1_300)
    assert found.since is not None
    assert found.since.row == pytest.approx(1_000, abs=40)
    assert found.since.time_s == pytest.approx(T + found.since.row, abs=2)
    assert found.counts == {"loss": pytest.approx(0.5, abs=0.1), "baseline loss": before}
    assert found.effect.value == pytest.approx(found.counts["loss"] - before)
    assert found.effect.tolerated == pytest.approx(0.05, abs=0.01)
    assert found.window == "1,300 labels after the baseline of 2,000"
    assert found.reference == "baseline of fraud version 3"
    assert found.sentence.startswith(
        "fraud version 3 is worse than it was since about label "
    )
    assert found.sentence.endswith("in 30 days is expected at most.")


def test_a_short_baseline_tolerates_what_it_cannot_know(rng: np.random.Generator) -> None:
    harm = HarmWatch(KEY, replace(WATCH, labels=LabelsWatch(eps=0.0)), LOOKS)
    harm.begin(np.zeros(30))
    [found] = harm.look(np.zeros(5), np.full(5, T), T)
    assert found.effect.tolerated == pytest.approx(0.0739, abs=1e-3)


def test_another_baseline_begins_anew(rng: np.random.Generator) -> None:
    harm = begun(rng)
    assert looked(harm, coins(rng, 500, 0.6))[-1].is_firing
    harm.begin(coins(rng, 500, 0.6))
    assert not looked(harm, coins(rng, 500, 0.6))[-1].is_firing


def test_times_that_go_back_only_make_the_time_of_the_beginning_odd(
    rng: np.random.Generator,
) -> None:
    straight, odd = begun(np.random.default_rng(1)), begun(np.random.default_rng(1))
    losses = coins(rng, 400, 0.5)
    sure = looked(straight, losses)[-1]
    back = [v for at in (0, 200) for v in looked(odd, losses[at : at + 200], from_s=T - at)]
    assert back[-1].evidence == sure.evidence
    assert back[-1].since is not None
    assert sure.since is not None
    assert back[-1].since.row == sure.since.row


@pytest.mark.parametrize("cut", [50, 1_000, 1_200])
def test_a_restart_goes_on_exactly(cut: int, rng: np.random.Generator) -> None:
    losses = np.concatenate([coins(rng, 1_000, 0.1), coins(rng, 400, 0.4)])
    whole, gone = (begun(np.random.default_rng(1)) for _ in range(2))
    looked(whole, losses[:cut])
    looked(gone, losses[:cut])
    again = HarmWatch(KEY, WATCH, LOOKS)
    again.restore(gone.to_arrays())
    assert again.baseline == whole.baseline
    after = [looked(each, losses[cut:], from_s=T + cut) for each in (whole, again)]
    assert after[0] == after[1]


def test_a_state_that_was_cut_short_is_refused(rng: np.random.Generator) -> None:
    harm = begun(rng)
    arrays = harm.to_arrays()
    del arrays["state.log_sums"]
    again = HarmWatch(KEY, WATCH, LOOKS)
    with pytest.raises(ValueError, match="log_sums"):
        again.restore(arrays)
    assert again.baseline is None
    again.restore({})
    assert again.baseline is None
