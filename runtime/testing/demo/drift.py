"""The demo's last part: other files come than before, and the monitor says so."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING

from runtime.access.credentials import Shown
from runtime.control_client import ControlClient
from runtime.messages import Message, message
from runtime.testing.demo import show
from runtime.testing.demo.clients import ask
from runtime.testing.demo.questions import Question
from runtime.testing.running import RunningServer
from runtime.testing.waiting import wait_until

if TYPE_CHECKING:
    import tritonclient.grpc as triton

MODEL = "magika"
REFERENCE_ROWS = 300
INTERVAL_S = 0.2
OTHER = frozenset({"onnx", "png"})
"""What is no text, of all that the demo asks about."""

LIMIT_S = 60.0
CALL_S = 10.0


def options(running: ExitStack) -> tuple[str, ...]:
    """Return the server's options, until a stack ends: looks and rows that fit a demo."""
    folder = running.enter_context(tempfile.TemporaryDirectory())
    file = Path(folder) / "monitor.yaml"
    settings = {"models": {MODEL: {"reference_rows": REFERENCE_ROWS}}}
    file.write_text(json.dumps(settings))  # JSON is YAML, too.
    return "--monitor-file", str(file), "--monitor-interval", str(INTERVAL_S)


def show_drift(
    server: RunningServer, client: triton.InferenceServerClient, files: Sequence[Question]
) -> list[str]:
    """Ask about all files until a reference is there, then only about some of them."""
    with ControlClient(str(server.about["control"]), Shown("")) as control:
        with show.console.status("the first rows become the reference"):
            every = cycle(files)
            wait_until(
                lambda: has_reference(control, client, every), "there is a reference",
                LIMIT_S,
            )  # fmt: skip
        early = firing(control)
        others = [question for question in files if question.right in OTHER]
        asked = cycle(others)
        with show.console.status("only " + " and ".join(each.about for each in others)):
            wait_until(
                lambda: asks_until_alarm(control, client, asked), "drift is an alarm",
                LIMIT_S,
            )  # fmt: skip
        alarms = firing(control)
    show.alarms(alarms)
    return [f"there was an alarm before anything had changed: {a.sentence}" for a in early]


def has_reference(
    control: ControlClient,
    client: triton.InferenceServerClient,
    questions: Iterator[Question],
) -> bool:
    """Ask once about the next files, and tell whether the model has a reference."""
    send(client, questions, 22)
    asked = message("leeboard.v1.MonitorStatusRequest")(model=MODEL)
    versions = call(control, "Status", asked, "MonitorStatusResponse").versions
    return bool(versions) and bool(versions[0].reference.rows)


def asks_until_alarm(
    control: ControlClient,
    client: triton.InferenceServerClient,
    questions: Iterator[Question],
) -> bool:
    """Ask about the next files, and tell whether an input has moved by now."""
    send(client, questions, 10)
    return any(alarm.kind == "input" for alarm in firing(control))


def send(
    client: triton.InferenceServerClient, questions: Iterator[Question], count: int
) -> None:
    """Ask about the next so many files."""
    for _ in range(count):
        ask(client, next(questions).case)


def firing(control: ControlClient) -> list[Message]:
    """Return the alarms that fire, inputs before outputs."""
    asked = message("leeboard.v1.AlarmsRequest")(model=MODEL)
    alarms = call(control, "Alarms", asked, "AlarmsResponse").alarms
    return sorted(
        (alarm for alarm in alarms if alarm.state == "firing"), key=lambda a: a.kind
    )


def call(control: ControlClient, method: str, request: Message, response: str) -> Message:
    """Return the answer of a method of the monitor."""
    kind = message(f"leeboard.v1.{response}")
    return control.call(f"/leeboard.v1.Monitor/{method}", request, kind, CALL_S)
