"""What the data plane would have filled: rows of a version, counted as its watch asks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from runtime.backends.base import Signature, TensorSpec
from runtime.monitor.given import Given
from runtime.monitor.plan import KINDS, WatchPlan, plan_of
from runtime.monitor.settings import DEFAULT, ModelWatch
from runtime.monitor.signals import Verdict
from runtime.monitor.version_watch import NOTHING, VersionWatch
from runtime.native.records import WatchJournal
from runtime.native.stats import TensorProfile

Rows = npt.NDArray[Any]
JOURNAL = WatchJournal(0.0, (), ())


class Filled:
    """A watch that came back: profiles with rows in them."""

    journal = b""
    without_id = unsampled = dropped = 0

    def __init__(self, profiles: Sequence[TensorProfile], rows: int, kept: int) -> None:
        self._profiles, self.rows, self.kept = profiles, rows, kept

    def take(self) -> list[tuple[TensorProfile, int]]:
        """Return the profiles, and no rows of another length."""
        return [(profile, 0) for profile in self._profiles]


def signature(
    inputs: Sequence[tuple[str, str, int]], outputs: Sequence[tuple[str, str, int]] = ()
) -> Signature:
    """Return a model's tensors out of names, datatypes and values in a row."""

    def specs(given: Sequence[tuple[str, str, int]]) -> tuple[TensorSpec, ...]:
        return tuple(TensorSpec(name, kind, (-1, width)) for name, kind, width in given)

    return Signature("any", specs(inputs), specs(outputs), batchable=True)


def plan(
    inputs: Sequence[tuple[str, str, int]],
    outputs: Sequence[tuple[str, str, int]] = (),
    settings: ModelWatch = DEFAULT,
) -> WatchPlan:
    """Return what is watched of such a model."""
    return plan_of(signature(inputs, outputs), True, settings)


def watch_of(
    watched: WatchPlan,
    given: Given = NOTHING,
    settings: ModelWatch = DEFAULT,
    interval_s: float = 1.0,
) -> VersionWatch:
    """Return a watch over version 3 of `m`."""
    return VersionWatch(("m", 3), watched, settings, interval_s, given)


def fill(watch: VersionWatch, *tensors: Rows) -> Filled:
    """Have the data plane fill what the watch gives out now, with rows for each tensor."""
    watch.watch(JOURNAL)
    profiles = [profile.fresh() for profile in watch.profiles]
    for tensor, profile, rows in zip(watch.plan.tensors, profiles, tensors, strict=True):
        kind = KINDS[tensor.datatype]
        profile.add(np.ascontiguousarray(rows, dtype=kind))
    count = max(len(rows) for rows in tensors)
    return Filled(profiles, count, count)


def look(watch: VersionWatch, time_s: float, *tensors: Rows) -> list[Verdict]:
    """Have the watch see rows for each of its tensors; return what it finds."""
    return watch.take(fill(watch, *tensors), time_s)  # type: ignore[arg-type]
