"""Harm: have late labels shown that a version is worse than it was? Pure.

Losses come from the quality books in the order of their predictions. What they are held to
is the version's own baseline plus eps.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from runtime.monitor import sentences
from runtime.monitor.drift import Moments
from runtime.monitor.settings import ModelWatch
from runtime.monitor.signals import Aspect, Effect, Evidence, Kind, Since, Subject, Verdict
from runtime.statistics.harm import Baseline, HarmDetector, HarmState

Arrays = dict[str, npt.NDArray[Any]]
Losses = npt.NDArray[np.float64]


class HarmWatch:
    """The harm detector of one version; it begins once there is a baseline.

    `arl_looks` is what it is promised in looks that had labels.
    """

    def __init__(
        self, key: tuple[str, int], settings: ModelWatch, arl_looks: float
    ) -> None:
        self.key, self._settings, self._arl_looks = key, settings, arl_looks
        self._detector: HarmDetector | None = None
        self._losses: Losses = np.zeros(0)
        self._state: HarmState | None = None
        self._moments = Moments()

    @property
    def baseline(self) -> Baseline | None:
        """What losses are held to, once it is there."""
        return self._detector.baseline if self._detector else None

    def begin(self, losses: Losses) -> None:
        """Take the losses of the baseline, in [0, 1]."""
        self._losses = losses
        eps = self._settings.labels.eps
        self._detector = HarmDetector(Baseline.of(losses), eps, self._arl_looks)
        self._state = self._detector.start()
        self._moments = Moments()

    def look(self, losses: Losses, times_s: Losses, time_s: float) -> list[Verdict]:
        """Take a look's losses, with the times of their predictions."""
        if self._detector is None or self._state is None or not losses.size:
            return []
        for place, moment in enumerate(times_s.tolist(), self._state.labels):
            self._moments.add(place, moment)
        self._state = self._detector.look(self._state, losses)
        return [self._verdict(self._detector, self._state, time_s)]

    def _verdict(self, detector: HarmDetector, state: HarmState, time_s: float) -> Verdict:
        model, version = self.key
        found = detector.findings(state)
        subject = Subject(model, version, Kind.QUALITY, "loss", Aspect.HARM)
        since = Since(found.since_label, self._moments.of(found.since_label))
        before = detector.baseline.mean
        return Verdict(
            subject,
            time_s,
            Evidence(
                max(found.log_e, 0.0),
                found.log_limit,
                self._arl_looks,
                found.looks,
                found.labels,
            ),
            Effect("loss", found.effect, found.tolerated - before),
            sentences.worse(model, version, found.loss, before, since)
            + sentences.promise(self._settings.false_alarm_days),
            since,
            f"{found.labels:,} labels after the baseline of {detector.baseline.labels:,}",
            f"baseline of {model} version {version}",
            {"loss": found.loss, "baseline loss": before},
        )

    def to_arrays(self) -> Arrays:
        """Return all that is remembered, by name; nothing before there is a baseline."""
        if self._state is None:
            return {}
        return {
            "losses": self._losses,
            "moment_rows": np.array(self._moments.rows, dtype=np.int64),
            "moment_times": np.array(self._moments.times_s, dtype=np.float64),
            **{f"state.{k}": v for k, v in self._state.to_arrays().items()},
        }

    def restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """Go on where `to_arrays` was asked; ValueError or KeyError changes nothing."""
        if "losses" not in arrays:
            return
        state = HarmState.from_arrays(
            {k[len("state.") :]: v for k, v in arrays.items() if k.startswith("state.")}
        )
        rows, times_s = arrays["moment_rows"].tolist(), arrays["moment_times"].tolist()
        self.begin(arrays["losses"])
        self._state = state
        self._moments.rows, self._moments.times_s = rows, times_s
