"""One load run: what is sent is made once, then sent and measured as often as one likes.

`prepare` talks to the server and reads files, `run` measures. Both raise ServerError or
ConfigError with one sentence; once `run` has begun to measure, whatever happens is in its
report instead. Ctrl-C ends a run early and keeps what was measured.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol, TypeAlias

from runtime.capacity.endpoint import (
    SECOND,
    Call,
    Endpoint,
    Options,
    native_call,
    read_model,
    resolve,
)
from runtime.capacity.findings import Seen, make_report
from runtime.capacity.golden import Golden
from runtime.capacity.inputs import Questions, make_questions
from runtime.capacity.model import Model
from runtime.capacity.report import Report
from runtime.capacity.scenario import Ask, Load
from runtime.capacity.watch import Watch, watch_server
from runtime.errors import ServerError

if TYPE_CHECKING:
    from runtime.native.counted import Progress, Result

LOOK_S = 0.1
STOP_S = 10.0
BEFORE_S = 0.3
"""How long before the measured part /metrics is read."""


class Running(Protocol):
    """A generator; see `runtime.native.load.Generator`."""

    def start(self) -> None:
        """Begin, in a thread of its own."""

    def stop(self) -> None:
        """End as soon as possible; what was measured is kept."""

    def wait(self, timeout_s: float) -> bool:
        """Whether it has ended, at the latest after this time."""

    def progress(self) -> Progress:
        """Return where it is."""

    def result(self) -> Result:
        """Return what was measured; only after the end."""


Make: TypeAlias = Callable[[Options, Sequence[bytes], Sequence[Sequence[Golden]]], Running]
OnProgress: TypeAlias = "Callable[[Progress], None]"


@dataclass(frozen=True, slots=True)
class Prepared:
    """A server that was found ready, and the requests for it. Runs do not change it."""

    ask: Ask
    endpoint: Endpoint
    model: Model
    questions: Questions


def native_generator(
    options: Options, messages: Sequence[bytes], goldens: Sequence[Sequence[Golden]]
) -> Running:
    """Make the C++ generator."""
    from runtime.native.load import Generator

    return Generator(options, messages, goldens)


def prepare(ask: Ask, call: Call = native_call) -> Prepared:
    """Find the server ready and make the requests.

    Raises ServerError when the server or its model cannot be asked, and ConfigError for
    inputs that do not fit the model.
    """
    endpoint = resolve(ask.target)
    model = read_model(ask, endpoint, call)
    return Prepared(ask, endpoint, model, make_questions(model, ask))


def make_options(prepared: Prepared, load: Load) -> Options:
    """Return what the generator must know of a load."""
    ask = prepared.ask
    return replace(
        prepared.endpoint.options("ModelInfer", ask.headers),
        connections=load.wanted_connections,
        in_flight=load.in_flight,
        rate=load.rate,
        poisson=load.arrivals == "poisson",
        seed=ask.seed,
        warmup_ns=round(load.warmup_s * SECOND),
        duration_ns=round(load.duration_s * SECOND),
        warmup_requests=load.warmup_requests,
        requests=load.requests,
        timeout_ns=round(load.timeout_s * SECOND),
        tells_deadline=load.tells_deadline,
        packed=load.profile == "packed",
    )


class Course:
    """Follows a generator's phases and looks at the server between them."""

    def __init__(self, watch: Watch, warmup_s: float) -> None:
        self._watch, self._warmup_s = watch, warmup_s

    def look(self, progress: Progress) -> None:
        """Do what the generator's phase asks for."""
        phase, watch = progress["phase"], self._watch
        if phase == "warmup" and progress["elapsed_s"] > self._warmup_s - BEFORE_S:
            watch.count_rows()
        elif phase == "measuring" and not watch.is_begun:
            watch.begin(progress["answered"])
        elif phase in ("draining", "over"):
            self.end(progress)

    def end(self, progress: Progress) -> None:
        """Look at the server for the last time, if the measured part began at all."""
        if self._watch.is_begun and not self._watch.is_ended:
            self._watch.end(progress["answered"])

    def seen(self) -> Seen:
        """Return what was seen."""
        return Seen(self._watch.use(), tuple(self._watch.notes()))


def drive(running: Running, course: Course, on_progress: OnProgress | None) -> None:
    """Follow a generator to its end, or until Ctrl-C; a second one is not caught."""
    try:
        while not running.wait(LOOK_S):
            progress = running.progress()
            course.look(progress)
            if on_progress is not None:
                on_progress(progress)
    except KeyboardInterrupt:
        course.end(running.progress())
        running.stop()
        if not running.wait(STOP_S):
            raise ServerError("the load generator did not stop") from None
    course.end(running.progress())


def run(
    prepared: Prepared,
    load: Load,
    *,
    on_progress: OnProgress | None = None,
    generator: Make = native_generator,
    metrics_url: str = "",
) -> Report:
    """Send the prepared requests and return what was found.

    `on_progress` is called about ten times a second, in this thread. `metrics_url` is the
    server's /metrics where it is not found by itself.
    """
    ask, questions = prepared.ask, prepared.questions
    watch = watch_server(ask, prepared.endpoint, metrics_url)
    course = Course(watch, load.warmup_s)
    options = make_options(prepared, load)
    running = generator(options, questions.messages, questions.goldens)
    try:
        running.start()
    except ServerError as error:
        raise ServerError(f"{ask.target} cannot be reached: {error}") from error
    drive(running, course, on_progress)
    return make_report(ask, load, questions, running.result(), course.seen())


def measure(
    ask: Ask,
    load: Load,
    *,
    on_progress: OnProgress | None = None,
    generator: Make = native_generator,
    call: Call = native_call,
    metrics_url: str = "",
) -> Report:
    """Prepare and run once."""
    return run(
        prepare(ask, call),
        load,
        on_progress=on_progress,
        generator=generator,
        metrics_url=metrics_url,
    )
