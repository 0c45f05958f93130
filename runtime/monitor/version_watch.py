"""One version that is watched: from the first row to verdicts.

Where no reference is given (`given`), the first rows become one (`learning`). What the data
plane has filled comes back in the order in which it was asked for, so what is known of a
watch is kept in a queue.
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
from runtime.monitor.given import Given
from runtime.monitor.looks import Counts, Look, Recent, Window
from runtime.monitor.plan import KINDS, WatchedTensor, WatchPlan
from runtime.monitor.schema_watch import SchemaWatch
from runtime.monitor.settings import DAY_S, ModelWatch, Task
from runtime.monitor.signals import Kind, Verdict
from runtime.monitor.tensor_reference import TensorReference, promised
from runtime.native.records import WatchedProfile, WatchJournal
from runtime.native.stats import TensorProfile
from runtime.native.watch import Watch
from runtime.profiles.contract import FeatureContract

Arrays = Mapping[str, npt.NDArray[Any]]
Floats = npt.NDArray[np.float64]

NOTHING = Given()


class Phase(StrEnum):
    """What a version's rows are taken for."""

    EDGES = "edges"
    REFERENCE = "reference"
    WATCHING = "watching"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where references come from that were learned, and when."""

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
    out in looks. Tensors of which `given` has a reference are held to it from the first
    row; the others learn theirs.
    """

    def __init__(
        self,
        key: tuple[str, int],
        plan: WatchPlan,
        settings: ModelWatch,
        interval_s: float,
        given: Given = NOTHING,
    ) -> None:
        self.key, self.plan, self.settings = key, plan, settings
        self.interval_s, self.given = interval_s, given
        # Where labels are expected, half of the promise is for what they show.
        parts = 1 if settings.task is Task.NONE else 2
        self._arl_looks = parts * settings.false_alarm_days * DAY_S / interval_s
        self.references = list(given.references) or [None] * len(plan.tensors)
        self.learners = [n for n, known in enumerate(self.references) if known is None]
        features = self.given.contract.features
        self.tests = 1 + sum(
            _most_tests(tensor, reference, features)
            for tensor, reference in zip(plan.tensors, self.references, strict=True)
        )
        self.seen = Seen()
        self.recent = Recent(settings.window_rows, settings.window_s)
        self.last_look_s = 0.0
        self._sent: deque[Phase] = deque()
        self.forget()

    def forget(self) -> None:
        """Begin anew: the next rows become the reference where none was given."""
        self.phase = Phase.EDGES if self.learners else Phase.WATCHING
        self.schema = SchemaWatch(self._about(Kind.INPUT, ""))
        self.origin: Origin | None = None
        tensors = self.plan.tensors
        self.drifts: list[TensorDrift | None] = [None] * len(tensors)
        self.edges: list[Floats] = [np.empty((len(t.features), 0)) for t in tensors]
        self.profiles = [learning.blank_profile(tensor) for tensor in tensors]
        self.gathered: list[Look] = []
        for place in self.learners:
            self.references[place] = None
        for place in set(range(len(tensors))) - set(self.learners):
            self._hold(place, self.given.references[place], self.given.digest)

    def begin(
        self, references: Sequence[TensorReference], digest: str, time_s: float
    ) -> None:
        """Hold what learns to references from here on, one for each of these tensors."""
        rows = max((reference.rows for reference in references), default=0)
        self.origin = Origin("first rows", digest, rows, time_s)
        for place, reference in zip(self.learners, references, strict=True):
            self._hold(place, reference, digest)
        self.phase = Phase.WATCHING

    def _hold(self, place: int, reference: TensorReference | None, digest: str) -> None:
        """Hold a tensor to a reference and to what its contract promises."""
        assert reference is not None
        tensor, settings = self.plan.tensors[place], self.settings
        held = promised(reference, self.given.contract.features, tensor)
        self.references[place] = reference
        self.edges[place] = held.edges
        self.profiles[place] = profile_of(tensor, held)
        self.drifts[place] = TensorDrift(
            self._about(tensor.kind, digest),
            held,
            Window(_nothing(held), settings.window_rows, settings.window_s),
        )

    def _about(self, kind: Kind, digest: str) -> About:
        model, version = self.key
        days, eps = self.settings.false_alarm_days, self.settings.eps
        arl_looks = self._arl_looks * self.tests
        return About(model, version, kind, arl_looks, days, eps, digest)

    @property
    def drifting(self) -> list[TensorDrift]:
        """The tests of tensors that are held to a reference."""
        return [drift for drift in self.drifts if drift is not None]

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
        self.recent.add(watch.rows, watch.kept, time_s)
        taken = watch.take()
        self.seen.other_length += sum(other for _, other in taken)
        if not watch.kept:
            return []
        self.seen.looks += 1
        self.last_look_s = time_s
        profiles = [profile for profile, _ in taken]
        if phase is not self.phase:
            return self._judge(profiles, self._given(), time_s)
        learns = phase is not Phase.WATCHING
        found = self._judge(profiles, self._given() if learns else self._all(), time_s)
        if phase is Phase.EDGES:
            self._choose_edges([profiles[place] for place in self.learners])
        elif phase is Phase.REFERENCE:
            self._gather([profiles[place] for place in self.learners], time_s)
        return found

    def _all(self) -> Iterable[int]:
        return range(len(self.plan.tensors))

    def _given(self) -> Iterable[int]:
        """Return the tensors that are counted at the same edges in every phase."""
        return (place for place in self._all() if place not in self.learners)

    def _judge(
        self, profiles: Sequence[TensorProfile], places: Iterable[int], time_s: float
    ) -> list[Verdict]:
        found: list[Verdict] = []
        for place in places:
            drift = self.drifts[place]
            if drift is not None:
                found += drift.look(look_of(profiles[place], drift.reference), time_s)
        return found

    def _choose_edges(self, profiles: Iterable[TensorProfile]) -> None:
        for place, profile in zip(self.learners, profiles, strict=True):
            self.profiles[place].merge(profile)
        learned = [self.profiles[place] for place in self.learners]
        wanted = min(learning.EDGE_ROWS, self.settings.reference_rows)
        # A tensor may have fewer: an optional input, or a decoupled model's output.
        if max((profile.rows for profile in learned), default=0) < wanted:
            return
        self.use_edges([learning.edges_of(profile) for profile in learned], [])

    def use_edges(self, edges: Sequence[Floats], gathered: list[Look]) -> None:
        """Count what learns at these edges until it is a reference."""
        self.gathered = gathered
        for place, found in zip(self.learners, edges, strict=True):
            self.edges[place] = found
            tensor = self.plan.tensors[place]
            self.profiles[place] = TensorProfile(
                tensor.value_kind, len(tensor.features), edges=learning.native_edges(found)
            )
        self.phase = Phase.REFERENCE

    def _gather(self, profiles: Sequence[TensorProfile], time_s: float) -> None:
        looks = [look_of(profile) for profile in profiles]
        before = self.gathered or [_blank(look) for look in looks]
        self.gathered = [a.plus(b) for a, b in zip(before, looks, strict=True)]
        if max(look.rows for look in self.gathered) < self.settings.reference_rows:
            return
        references = [
            learning.reference_of(self.plan.tensors[place], self.edges[place], look)
            for place, look in zip(self.learners, self.gathered, strict=True)
        ]
        self.gathered = []
        self.begin(references, learning.digest_of(references), time_s)

    def coverage(self) -> float | None:
        """Return the share of the rows answered lately that are in the statistics."""
        return self.recent.share()


def _kind_of(tensor: WatchedTensor) -> str:
    return KINDS[tensor.datatype]


def _most_tests(
    tensor: WatchedTensor,
    reference: TensorReference | None,
    contract: Mapping[str, FeatureContract],
) -> int:
    """Return how many tests a tensor has, or at most will have."""
    if reference is not None:
        return detectors_of(promised(reference, contract, tensor))
    valued = sum(1 for f in tensor.features if f in contract and contract[f].values)
    return 3 * len(tensor.features) + valued


def profile_of(tensor: WatchedTensor, reference: TensorReference) -> TensorProfile:
    """Return an empty profile that counts what a reference's tests need."""
    known = reference.known()
    return TensorProfile(
        tensor.value_kind,
        len(tensor.features),
        edges=learning.native_edges(reference.edges),
        ranges=(reference.low, reference.high) if reference.has_ranges else None,
        categories=bool(known),
        known=known or None,
    )


def look_of(profile: TensorProfile, reference: TensorReference | None = None) -> Look:
    """Return a profile's counts as a look, of categories where a reference has some."""
    profiled = profile.read()
    finite = profiled.counts.astype(np.int64)
    infinite = profiled.positive_infinities + profiled.negative_infinities
    outside = np.zeros(len(finite), dtype=np.int64)
    if profiled.below.size:
        outside = (profiled.below + profiled.above).astype(np.int64)
    known, unseen = _categories(profile, finite, reference)
    return Look(
        int(profiled.rows),
        finite,
        profiled.cumulative.astype(np.int64),
        profiled.nan.astype(np.int64),
        infinite.astype(np.int64),
        outside,
        known,
        unseen,
    )


def _categories(
    profile: TensorProfile, finite: Counts, reference: TensorReference | None
) -> tuple[Counts, Counts]:
    """Return how often known categories [F, C] and others [F] were there."""
    if reference is None:
        return np.zeros((len(finite), 1), dtype=np.int64), np.zeros_like(finite)
    known = np.zeros(reference.categories.shape, dtype=np.int64)
    unseen = np.zeros_like(finite)
    for feature in np.flatnonzero(reference.is_categorical):
        top, _, _ = profile.categories(int(feature))
        counts = {each.value: each.count for each in top if each.is_known}
        for place, value in enumerate(reference.categories[feature]):
            known[feature, place] = 0 if np.isnan(value) else counts.get(int(value), 0)
        unseen[feature] = finite[feature] - known[feature].sum()
    return known, unseen


def _blank(look: Look) -> Look:
    features, edges = look.above.shape
    return Look.empty(features, edges, look.known.shape[1])


def _nothing(reference: TensorReference) -> Look:
    features, edges = reference.edges.shape
    return Look.empty(features, edges, reference.categories.shape[1])
