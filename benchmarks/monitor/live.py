"""A stream of real rows on a live server, whose labels come late: what it says, and when.

The server looks at what came in by the clock; here each look gets one piece of the stream.
A piece is one request, and the next is sent when the monitor has seen it. A look tells what
it has found before the next one begins, so what is known after a piece depends neither on
the machine nor on its load. Labels of a piece follow `LATE` pieces later.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.monitor.streams import INPUT, SCORES, Part, Stream, save_model
from runtime.access.credentials import Shown
from runtime.control_client import ControlClient
from runtime.errors import MeasurementError
from runtime.messages import Message, message
from runtime.monitor.learning import EDGE_ROWS
from runtime.monitor.settings import DAY_S
from runtime.testing.running import RunningServer
from runtime.testing.waiting import wait_until

MODEL = "trees"
LATE = 5
INTERVAL_S = 0.02
LOOKS = 1e5
"""The run length to a false alarm that is promised for drift, and again for harm."""

FALSE_ALARM_DAYS = LOOKS * INTERVAL_S / (2 * DAY_S)
"""A promise is made in days for the model; where there are labels, drift and harm have half
of it each: both 2 x days x 86,400 / interval looks."""

EPS = 0.05
AT_ONCE = 50
CALL_S = 30.0

Name = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class First:
    """When an alarm was first seen to have fired, and what it says.

    `rows` and `labels` of the changed part were known then; both are 0 before the change.
    `since` is the row or label, counted from the change, at which the alarm sees its
    beginning: negative before it.
    """

    rows: int
    labels: int
    since: int
    sentence: str


@dataclass
class Heard:
    """The alarms that fired, by kind, name and aspect, in the calm part and after it."""

    calm: dict[Name, First] = field(default_factory=dict)
    changed: dict[Name, First] = field(default_factory=dict)

    def inputs(self) -> dict[str, int]:
        """Return the inputs that fired after the change, by the rows that it took."""
        return {
            name: first.rows for (kind, name, _), first in self.changed.items()
            if kind == "input"
        }  # fmt: skip

    @property
    def harm(self) -> First | None:
        """The alarm of harm after the change."""
        return self.changed.get(("quality", "loss", "harm"))


class Live:
    """Sends a stream to a server and hears what its monitor says."""

    def __init__(self, stream: Stream, server: RunningServer, piece: int) -> None:
        import tritonclient.grpc as triton

        self._stream, self._piece = stream, piece
        self._triton: Any = triton
        self._requests = triton.InferenceServerClient(server.grpc)
        self._control = ControlClient(str(server.about["control"]), Shown(""))
        self._numbers = count()
        self._waiting: list[tuple[str, Part]] = []
        self._sent = self._known = 0
        self._change = 0
        """How many rows come between those that are learned and the change."""

    def close(self) -> None:
        """End both connections."""
        self._requests.close()
        self._control.close()

    def learn(self) -> None:
        """Send the rows that become the reference, and their labels for the baseline."""
        wait_until(lambda: self._status() is not None, "the version is watched")
        learning = self._stream.learning
        first, rest = (
            learning.at(slice(None, EDGE_ROWS)),
            learning.at(slice(EDGE_ROWS, None)),
        )
        for part in (first, rest):
            for piece in pieces(part, AT_ONCE):
                self._ask(piece)
            self._wait_for_rows()
        wait_until(lambda: self._reference_rows() == len(rest), "the reference is made")
        self._put(len(self._waiting))
        wait_until(self._has_baseline, "the baseline is made")

    def calm(self) -> dict[Name, First]:
        """Send rows like those before; return the alarms that fire."""
        return self._hear(self._stream.calm)

    def changed(self, rows: int) -> dict[Name, First]:
        """Send so many changed rows; return the alarms that fire, the sooner first."""
        self._change = len(self._stream.calm)
        return self._hear(self._stream.changed.at(slice(None, rows)))

    def _hear(self, part: Part) -> dict[Name, First]:
        found: dict[Name, First] = {}
        for piece in pieces(part, self._piece):
            self._put(max(len(self._waiting) - LATE, 0))
            self._ask(piece)
            self._wait_for_rows()
            for alarm in self._alarms():
                name = alarm.kind, alarm.name, alarm.aspect
                if alarm.fired_s and name not in found:
                    found[name] = self._first(alarm)
        status = self._status()
        if status is None or status.coverage < 1.0:
            raise MeasurementError("some rows were left out: send smaller pieces")
        return found

    def _first(self, alarm: Message) -> First:
        before = len(self._stream.learning) + len(self._stream.calm)
        return First(
            max(self._sent - before, 0),
            max(self._known - before, 0),
            int(alarm.since.row) - self._change,
            alarm.sentence,
        )

    def _ask(self, part: Part) -> None:
        request_id = f"r{next(self._numbers)}"
        given = self._triton.InferInput(INPUT, list(part.rows.shape), "FP32")
        given.set_data_from_numpy(np.ascontiguousarray(part.rows))
        self._requests.infer(MODEL, [given], request_id=request_id)
        self._waiting.append((request_id, part))
        self._sent += len(part)

    def _put(self, requests: int) -> None:
        """Send the labels of so many requests, the oldest first."""
        due, self._waiting = self._waiting[:requests], self._waiting[requests:]
        if not due:
            return
        labels = message("leeboard.v1.PutLabelsRequest")()
        for request_id, part in due:
            for row, value in enumerate(part.labels.tolist()):
                labels.labels.add(
                    model=MODEL, request_id=request_id, row=row, number=float(value)
                )
        answer = self._call("Labels/PutLabels", labels, "PutLabelsResponse")
        if answer.accepted + answer.early != len(labels.labels):
            raise MeasurementError(
                f"of {len(labels.labels)} labels {answer.accepted} were accepted and "
                f"{answer.early} kept: {', '.join(p.words for p in answer.problems)}"
            )
        self._known += len(labels.labels)

    def _wait_for_rows(self) -> None:
        def seen() -> int:
            status = self._status()
            return int(status.rows) if status is not None else 0

        wait_until(
            lambda: seen() == self._sent, lambda: f"{self._sent} rows seen, not {seen()}"
        )

    def _status(self) -> Message | None:
        asked = message("leeboard.v1.MonitorStatusRequest")(model=MODEL)
        versions = self._call("Monitor/Status", asked, "MonitorStatusResponse").versions
        return versions[0] if versions else None

    def _reference_rows(self) -> int:
        status = self._status()
        return int(status.reference.rows) if status is not None else 0

    def _has_baseline(self) -> bool:
        asked = message("leeboard.v1.QualityRequest")(model=MODEL)
        answer = self._call("Labels/Quality", asked, "QualityResponse")
        return any(each.labels == self._known for each in answer.versions)

    def _alarms(self) -> list[Message]:
        asked = message("leeboard.v1.AlarmsRequest")(model=MODEL, resolved=True)
        return list(self._call("Monitor/Alarms", asked, "AlarmsResponse").alarms)

    def _call(self, method: str, request: Message, response: str) -> Message:
        kind = message(f"leeboard.v1.{response}")
        return self._control.call(f"/leeboard.v1.{method}", request, kind, CALL_S)


def pieces(part: Part, rows: int) -> Iterator[Part]:
    """Yield a part in pieces of so many rows; the last may have fewer."""
    for first in range(0, len(part), rows):
        yield part.at(slice(first, first + rows))


def settings(stream: Stream) -> Mapping[str, object]:
    """Return how the model is watched, for the monitor's file."""
    learning = len(stream.learning)
    watch = {
        "features": list(stream.features),
        "reference_rows": learning - EDGE_ROWS,
        "eps": EPS,
        "false_alarm_days": FALSE_ALARM_DAYS,
        "task": "binary",
        "score": {"output": SCORES, "column": 1},
        "labels": {"baseline": learning, "eps": stream.harm_eps},
    }
    return {"models": {MODEL: watch}}


@contextmanager
def live(stream: Stream, folder: Path, piece: int) -> Iterator[Live]:
    """Train a model, serve it in a process of its own, and have its stream learned."""
    import json

    save_model(stream, folder / MODEL / "1" / "model.onnx")
    file = folder / "monitor.yaml"
    file.write_text(json.dumps(settings(stream)))  # JSON is YAML, too.
    options = (
        "--monitor-interval", str(INTERVAL_S), "--monitor-file", str(file),
        "--state-dir", str(folder / "state"),
    )  # fmt: skip
    with RunningServer(folder / MODEL, *options) as server:
        stage = Live(stream, server, piece)
        try:
            stage.learn()
            yield stage
        finally:
            stage.close()


def hear(stream: Stream, folder: Path, piece: int, changed_rows: int) -> Heard:
    """Send the calm part and so many changed rows; return what fired in both."""
    with live(stream, folder, piece) as stage:
        return Heard(stage.calm(), stage.changed(changed_rows))
