"""One version that is watched: from the first row to verdicts.

Where no reference is given, the first rows become one (`learning`). What the data plane
has filled comes back in the order in which it was asked for, so what is known of a watch is
kept in a queue.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from runtime.monitor import learning
from runtime.monitor.drift import About, TensorDrift, detectors_of
from runtime.monitor.looks import Look, Window
from runtime.monitor.plan import KINDS, WatchedTensor, WatchPlan
from runtime.monitor.settings import DAY_S, ModelWatch, Task
from runtime.monitor.signals import Verdict
from runtime.monitor.tensor_reference import TensorReference
from runtime.native.profiled import Profiled
from runtime.native.records import WatchedProfile, WatchJournal
from runtime.native.stats import TensorProfile
from runtime.native.watch import Watch

Arrays = Mapping[str, npt.NDArray[Any]]
Floats = npt.NDArray[np.float64]


class Phase(StrEnum):
    """What a version's rows are taken for."""

    EDGES = "edges"
    REFERENCE = "reference"
    WATCHING = "watching"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where references come from: "manifest", a file's name or "first rows"."""

    name: str
    digest: str
    rows: int
    made_s: float


@dataclass(slots=True)
class Seen:
    """Rows that were answered, those in the statistics, and looks with rows."""

    rows: int = 0
    kept: int = 0
    looks: int = 0
    other_length: int = 0


class VersionWatch:
    """Watches one version; not safe on several threads.

    `interval_s` is how often there is a look: the promise of the model's settings is shared
    out in looks.
    """

    def __init__(
        self,
        key: tuple[str, int],
        plan: WatchPlan,
        settings: ModelWatch,
        interval_s: float,
    ) -> None:
        self.key, self.plan, self.settings = key, plan, settings
        self.interval_s = interval_s
        # Where labels are expected, half of the promise is for what they show.
        parts = 1 if settings.task is Task.NONE else 2
        self._arl_looks = parts * settings.false_alarm_days * DAY_S / interval_s
        self.seen = Seen()
        self.last_look_s = 0.0
        self._sent: deque[Phase] = deque()
        self.forget()

    def forget(self) -> None:
        """Begin anew: the next rows become the reference."""
        self.phase = Phase.EDGES
        self.origin: Origin | None = None
        self.drifts: list[TensorDrift] = []
        self.edges: list[Floats] = []
        self.profiles = [learning.blank_profile(tensor) for tensor in self.plan.tensors]
        self.gathered: list[Look] = []

    def begin(
        self, references: Sequence[TensorReference], origin: str, digest: str, time_s: float
    ) -> None:
        """Hold what comes from here on to references, one for each tensor of the plan."""
        rows = max((reference.rows for reference in references), default=0)
        self.origin = Origin(origin, digest, rows, time_s)
        tests = max(sum(map(detectors_of, references)), 1)
        model, version = self.key
        settings = self.settings
        self.drifts = [
            TensorDrift(
                About(
                    model, version, tensor.kind, self._arl_looks * tests,
                    settings.false_alarm_days, settings.eps, digest,
                ),
                reference,
                Window(_nothing(reference), settings.window_rows, settings.window_s),
            )
            for tensor, reference in zip(self.plan.tensors, references, strict=True)
        ]  # fmt: skip
        self.edges = [reference.edges for reference in references]
        self.profiles = self._with_edges()
        self.phase = Phase.WATCHING

    def watch(self, journal: WatchJournal) -> Watch:
        """Return an empty watch, which is to be given to the data plane."""
        self._sent.append(self.phase)
        tensors = [
            WatchedProfile(
                tensor.is_output,
                tensor.index,
                _kind_of(tensor),
                tensor.is_summary,
                profile,
            )
            for tensor, profile in zip(self.plan.tensors, self.profiles, strict=True)
        ]
        return Watch(tensors, journal)

    def take(self, watch: Watch, time_s: float) -> list[Verdict]:
        """Take the oldest watch that is out, filled; return what it shows."""
        phase = self._sent.popleft()
        self.seen.rows += watch.rows
        self.seen.kept += watch.kept
        taken = watch.take()
        self.seen.other_length += sum(other for _, other in taken)
        if not watch.kept or phase is not self.phase:
            return []  # Counted at edges that are no longer in use.
        self.seen.looks += 1
        self.last_look_s = time_s
        profiles = [profile for profile, _ in taken]
        if phase is Phase.EDGES:
            self._choose_edges(profiles)
            return []
        looks = [look_of(profile.read()) for profile in profiles]
        if phase is Phase.REFERENCE:
            self._gather(looks, time_s)
            return []
        found: list[Verdict] = []
        for drift, look in zip(self.drifts, looks, strict=True):
            found += drift.look(look, time_s)
        return found

    def _choose_edges(self, profiles: Iterable[TensorProfile]) -> None:
        for gathered, profile in zip(self.profiles, profiles, strict=True):
            gathered.merge(profile)
        wanted = min(learning.EDGE_ROWS, self.settings.reference_rows)
        # A tensor may have fewer: an optional input, or a decoupled model's output.
        if max((profile.rows for profile in self.profiles), default=0) < wanted:
            return
        self.use_edges([learning.edges_of(profile) for profile in self.profiles], [])

    def use_edges(self, edges: list[Floats], gathered: list[Look]) -> None:
        """Count the next rows at these edges until they are a reference."""
        self.edges, self.gathered = edges, gathered
        self.profiles = self._with_edges()
        self.phase = Phase.REFERENCE

    def _with_edges(self) -> list[TensorProfile]:
        return [
            TensorProfile(
                tensor.value_kind, len(tensor.features), edges=learning.native_edges(edges)
            )
            for tensor, edges in zip(self.plan.tensors, self.edges, strict=True)
        ]

    def _gather(self, looks: list[Look], time_s: float) -> None:
        before = self.gathered or [_blank(look) for look in looks]
        self.gathered = [a.plus(b) for a, b in zip(before, looks, strict=True)]
        if max(look.rows for look in self.gathered) < self.settings.reference_rows:
            return
        references = [
            learning.reference_of(tensor, edges, look)
            for tensor, edges, look in zip(
                self.plan.tensors, self.edges, self.gathered, strict=True
            )
        ]
        self.gathered = []
        self.begin(references, "first rows", learning.digest_of(references), time_s)

    def coverage(self) -> float | None:
        """Return the share of answered rows that are in the statistics."""
        return self.seen.kept / self.seen.rows if self.seen.rows else None


def _kind_of(tensor: WatchedTensor) -> str:
    return KINDS[tensor.datatype]


def look_of(profiled: Profiled) -> Look:
    """Return a profile's counts as a look."""
    finite = profiled.counts.astype(np.int64)
    missing = profiled.nan.astype(np.int64)
    infinite = (profiled.positive_infinities + profiled.negative_infinities).astype(
        np.int64
    )
    nothing = np.zeros(len(finite), dtype=np.int64)
    outside = nothing
    if profiled.below.size:
        outside = (profiled.below + profiled.above).astype(np.int64)
    return Look(
        int(profiled.rows),
        finite,
        profiled.cumulative.astype(np.int64),
        missing,
        infinite,
        outside,
        np.zeros((len(finite), 1), dtype=np.int64),
        nothing,
    )


def _blank(look: Look) -> Look:
    features, edges = look.above.shape
    return Look.empty(features, edges, look.known.shape[1])


def _nothing(reference: TensorReference) -> Look:
    features, edges = reference.edges.shape
    return Look.empty(features, edges, reference.categories.shape[1])
