"""p99 in the second around a swap, over that of the quiet second before the same swap.

The middle of the second is the first answer by the new version. A second of a slow model
has too few requests for a p99 of its own, so neighbouring swaps share one: there are ten
pairs. How requests fare while the version is fetched and loaded stands beside it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from benchmarks.results import Row
from benchmarks.swap.many import Place
from benchmarks.swap.plans import SECOND_NS, exactly, grouped, turns, windows
from benchmarks.swap.records import Counts, Records, Swap, count, first_answers, p99_us
from runtime.statistics.intervals import Limit, median_interval, ratio_interval

QUIET_S = 1.2
AFTER_S = 2.5
"""The version that is one too many is given back two seconds after a swap."""


@dataclass(frozen=True, slots=True)
class Disturbed:
    """p99 in us, group by group: quiet, while a version loads, around its swap."""

    counts: Counts
    quiet_us: list[float]
    loading_us: list[float]
    around_us: list[float]


def disturb(place: Place, swaps: int) -> Disturbed:
    """Make so many swaps to versions that must be loaded, each after a quiet second."""
    stand, loaded = place.stand, place.loaded()
    done: list[Swap] = []
    before = stand.serving()
    warm = int(stand.status().models[0].warm)
    with loaded:
        for turn in turns(swaps, 1, (before, warm, 0)):
            time.sleep(QUIET_S)
            done.append(stand.swap(before, turn.number))
            before = turn.number
            time.sleep(AFTER_S)
    return judge_p99(loaded.records, done)


def judge_p99(records: Records, done: list[Swap]) -> Disturbed:
    """Return the p99 of each group of swaps in its three stretches."""
    answered = first_answers(records, done)
    found = [windows(s.asked_ns, a) for s, a in zip(done, answered, strict=True)]
    groups = grouped(found)
    long = [[w for w in group if w.loading[1] - w.loading[0] > SECOND_NS // 4]
            for group in groups]  # fmt: skip
    return Disturbed(
        count(records, done),
        [p99_us(records, [w.quiet for w in group]) for group in groups],
        [p99_us(records, [w.loading for w in group]) for group in long if group],
        [p99_us(records, [w.around for w in group]) for group in groups],
    )


def as_rows(kind: str, found: Disturbed) -> list[Row]:
    """Return the ratio of both p99, and what the swaps have lost."""
    counts = found.counts
    beside = {
        "around us": median_interval(found.around_us),
        "quiet us": median_interval(found.quiet_us),
    }
    if found.loading_us:
        beside["fetching and loading us"] = median_interval(found.loading_us)
    return [
        Row(
            f"around-{kind}",
            f"{kind}: p99 in the second around a swap <= 1.1 x a quiet second's",
            "x",
            Limit("at most", 1.1),
            ratio_interval(list(zip(found.around_us, found.quiet_us, strict=True))),
            beside=beside,
            notes={
                "around_us": found.around_us,
                "quiet_us": found.quiet_us,
                "loading_us": found.loading_us,
            },
        ),
        Row(
            f"lost-around-{kind}",
            f"{kind}, the same swaps: failed, wrong answers, wrong versions",
            "",
            Limit("at most", 0.0),
            exactly(counts.failed + counts.wrong + counts.stray),
            beside={"requests": exactly(counts.requests)},
        ),
    ]
