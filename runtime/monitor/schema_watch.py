"""Requests that a version refuses because their tensors are not its: a broken schema.

They never become rows, so no profile sees them; the data plane counts them apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from runtime.monitor import sentences
from runtime.monitor.drift import EVENT_EPS, PENDING, About, Moments
from runtime.monitor.signals import Aspect, Effect, Evidence, Kind, Since, Subject, Verdict
from runtime.statistics.bernoulli import BernoulliDetector
from runtime.statistics.restarts import State

NAME = "requests"


class SchemaWatch:
    """Tests that no more than `EVENT_EPS` of a version's requests are refused for that."""

    def __init__(self, about: About) -> None:
        self.about = about
        self.detector = BernoulliDetector([0.0], EVENT_EPS, about.arl_looks)
        self.state: State = self.detector.start()
        self._before: tuple[int, int] | None = None
        self._was_loud = False
        self.moments = Moments()

    def look(self, answered: int, refused: int, time_s: float) -> list[Verdict]:
        """Take how many requests were answered and refused in all since it was loaded."""
        before, self._before = self._before, (answered, refused)
        if before is None or answered < before[0] or refused < before[1]:
            return []  # Counted since another moment.
        hits = refused - before[1]
        requests = answered - before[0] + hits
        if requests:
            self.state = self.detector.look(self.state, [hits], [requests])
            self.moments.add(int(self.state.rows[0]), time_s)
        verdict = self.verdict(time_s)
        limit = PENDING * verdict.evidence.log_limit
        was_loud, self._was_loud = self._was_loud, verdict.evidence.log_e >= limit
        return [verdict] if was_loud or self._was_loud else []

    def verdict(self, time_s: float) -> Verdict:
        """Return what is known by now."""
        found, about = self.detector.findings(self.state), self.about
        subject = Subject(about.model, about.version, Kind.INPUT, NAME, Aspect.SCHEMA)
        share = float(found.share[0])
        live = share if np.isfinite(share) else 0.0
        row = int(found.since_row[0])
        return Verdict(
            subject,
            time_s,
            Evidence(
                max(float(found.log_e[0]), 0.0), float(found.log_limit[0]),
                about.arl_looks, int(found.looks[0]), int(found.rows[0]),
            ),
            Effect("excess share", live, float(self.detector.tolerated[0])),
            sentences.refused(subject, live) + sentences.promise(about.days),
            Since(row, self.moments.of(row)) if found.rows[0] else None,
            counts={"share": live},
        )  # fmt: skip

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return all that is remembered, by name."""
        return self.state.to_arrays() | self.moments.to_arrays()

    def restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """Go on where `to_arrays` was asked; ValueError or KeyError changes nothing."""
        state = State.from_arrays(arrays)
        self.detector.bets.check(state)
        self.moments.restore(arrays)
        self.state = state
