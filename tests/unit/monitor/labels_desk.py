"""All that labels are for, over a real folder, with a clock and settings with knobs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from runtime.monitor.alarms import Said
from runtime.monitor.labelled import Labelled
from runtime.monitor.labels import Label, Summary
from runtime.monitor.predictions import Prediction
from runtime.monitor.settings import LabelsWatch, ModelWatch, Task
from runtime.monitor.signals import Aspect, Blindness, Verdict, VersionPromoted
from tests.unit.monitor.journal_desk import NOW, WAIT_S, Clock, label, prediction

LABELS = LabelsWatch(baseline=50, min_group=20, maturity_s=100.0, retention_s=86_400.0)
WATCH = ModelWatch(task=Task.BINARY, window_rows=200, groups=("sex",), labels=LABELS)
SERVES = VersionPromoted("fraud", 3, NOW)
INTERVAL_S = 60.0


class LabelsDesk:
    """Everything labelled of the model `fraud`, version 3, promoted at NOW."""

    def __init__(self, folder: Path, watch: ModelWatch = WATCH) -> None:
        self.folder = folder
        self.models = {"fraud": watch}
        self.clock = Clock()
        self.labelled = self.opened()
        self.labelled.promoted(SERVES)

    def opened(self) -> Labelled:
        return Labelled(self.folder, lambda: self.models, INTERVAL_S, self.clock)

    def restart(self) -> None:
        """End as a server does, and begin again."""
        self.labelled.close()
        self.labelled = self.opened()
        self.labelled.promoted(replace(SERVES, time_s=self.clock.now))

    def add(self, given: Sequence[Prediction]) -> None:
        """Hand predictions over and wait until they are written down."""
        self.labelled.offer(given)
        self.labelled.journal.flush().result(WAIT_S)

    def put(self, labels: Sequence[Label]) -> Summary:
        return self.labelled.journal.put(labels).result(WAIT_S)

    def serve(
        self, first: int, n: int, wrong: float = 0.0, version: int = 3, group: str = ""
    ) -> None:
        """Predict and label; of ten in a row, a share is answered wrongly."""
        numbers = range(first, first + n)
        given = []
        for k in numbers:
            is_wrong = k % 10 < 10 * wrong
            score = 0.9 if (k // 10 % 2 == 1) != is_wrong else 0.1
            sex = group or ("m" if k % 2 else "f")
            made = prediction(k, score, groups={"sex": sex}, version=version)
            given.append(replace(made, time_s=self.clock.now))
        self.add(given)
        self.put([label(k, float(k // 10 % 2)) for k in numbers])

    def look(self, after_s: float = 0.0) -> list[Said]:
        """Look, some seconds later."""
        self.clock.now += after_s
        return self.labelled.look(self.clock.now)

    def verdicts(self, aspect: Aspect = Aspect.HARM) -> list[Verdict]:
        found = [each for each in self.look() if isinstance(each, Verdict)]
        return [each for each in found if each.subject.aspect is aspect]

    def blind(self, after_s: float = 0.0) -> dict[str, bool]:
        """What is blind and what is not, by name."""
        said = [each for each in self.look(after_s) if isinstance(each, Blindness)]
        return {each.subject.name: each.is_blind for each in said}
