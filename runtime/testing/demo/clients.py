"""Load from processes of their own: unmodified tritonclient, every answer checked.

A client process asks from several threads, one request of each in flight, and reports
through a pipe how far it has come. It ends when the pipe does, so that none outlives the
demo, however that ended.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.connection
import signal
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np

from runtime.backends.base import Array
from runtime.errors import ServerError

if TYPE_CHECKING:
    import tritonclient.grpc as triton

REPORT_S = 0.1
REQUEST_LIMIT_S = 30.0
START_LIMIT_S = 60.0
END_LIMIT_S = 60.0
MOST_EXAMPLES = 3
DATATYPES = {np.dtype(np.int32): "INT32", np.dtype(np.float32): "FP32"}


@dataclass(frozen=True, slots=True)
class Case:
    """A question, and what ONNX Runtime answers to it in a process of its own."""

    model: str
    input: str
    output: str
    values: Array
    expected: Array


@dataclass
class Tally:
    """What clients have seen so far."""

    answers: Counter[str] = field(default_factory=Counter)
    failed: int = 0
    wrong: int = 0
    examples: list[str] = field(default_factory=list)
    cpu_s: float = 0.0

    @property
    def total(self) -> int:
        """All right answers."""
        return self.answers.total()

    def keep(self, example: str) -> None:
        """Remember what went wrong, unless there are examples enough."""
        if len(self.examples) < MOST_EXAMPLES:
            self.examples.append(example)


def add(tallies: Sequence[Tally]) -> Tally:
    """Return the sum of some tallies."""
    return Tally(
        sum((t.answers for t in tallies), Counter()),
        sum(t.failed for t in tallies),
        sum(t.wrong for t in tallies),
        [example for t in tallies for example in t.examples][:MOST_EXAMPLES],
        sum(t.cpu_s for t in tallies),
    )


def ask(client: triton.InferenceServerClient, case: Case) -> Array:
    """Ask a model once through tritonclient; raises ServerError with the server's words."""
    import tritonclient.grpc as triton
    from tritonclient.utils import InferenceServerException

    tensor = triton.InferInput(
        case.input, list(case.values.shape), DATATYPES[case.values.dtype]
    )
    tensor.set_data_from_numpy(case.values)
    try:
        answer = client.infer(case.model, [tensor], client_timeout=REQUEST_LIMIT_S)
    except InferenceServerException as error:
        raise ServerError(f"{case.model}: {error}") from error
    return answer.as_numpy(case.output)


def is_right(case: Case, answer: Array) -> bool:
    """Tell whether an answer is ONNX Runtime's, up to how batches are summed."""
    same = answer.shape == case.expected.shape
    return same and bool(np.allclose(answer, case.expected, rtol=1e-3, atol=1e-4))


class Asking:
    """The threads of one client process."""

    def __init__(self, url: str, cases: Sequence[Case], threads: int) -> None:
        self._url = url
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._tally = Tally()
        models = sorted({case.model for case in cases})
        self._threads = [
            threading.Thread(
                target=self._run,
                args=([c for c in cases if c.model == models[i % len(models)]], i),
                name=f"ask-{i}",
                daemon=True,
            )
            for i in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def tally(self) -> Tally:
        """Return a copy of the counts."""
        with self._lock:
            copy = add([self._tally])
        copy.cpu_s = time.process_time()
        return copy

    def stop(self) -> None:
        """Let each thread finish its request, and wait for it."""
        self._stop.set()
        for thread in self._threads:
            thread.join(END_LIMIT_S)

    def _run(self, cases: Sequence[Case], at: int) -> None:
        import tritonclient.grpc as triton

        with triton.InferenceServerClient(self._url) as client:
            while not self._stop.is_set():
                self._ask_once(client, cases[at % len(cases)])
                at += 1

    def _ask_once(self, client: triton.InferenceServerClient, case: Case) -> None:
        try:
            right = is_right(case, ask(client, case))
        except Exception as error:  # Whatever it was, this request has failed.
            with self._lock:
                self._tally.failed += 1
                self._tally.keep(str(error))
            return
        with self._lock:
            if right:
                self._tally.answers[case.model] += 1
            else:
                self._tally.wrong += 1
                self._tally.keep(f"{case.model}: not what ONNX Runtime says")


def run_client(pipe: Any, url: str, cases: Sequence[Case], threads: int) -> None:  # noqa: ANN401
    """Ask until the pipe says so or ends; the main function of a client process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    asking = Asking(url, cases, threads)
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        while not pipe.poll(REPORT_S):
            pipe.send(asking.tally())
        asking.stop()
        pipe.send(asking.tally())


class Load:
    """Client processes; entering returns once every one of them has had an answer."""

    def __init__(
        self, url: str, cases: Sequence[Case], processes: int = 2, threads: int = 8
    ) -> None:
        self._latest = [Tally() for _ in range(processes)]
        self._pipes: list[Connection] = []
        self._processes = []
        spawn = multiprocessing.get_context("spawn")
        for i in range(processes):
            ours, theirs = spawn.Pipe()
            process = spawn.Process(
                target=run_client,
                args=(theirs, url, cases, threads),
                name=f"client-{i}",
                daemon=True,
            )
            process.start()
            theirs.close()
            self._pipes.append(ours)
            self._processes.append(process)

    def __enter__(self) -> Load:
        """Wait for the first answers; raises ServerError when there are none."""
        deadline = time.monotonic() + START_LIMIT_S
        try:
            while not all(tally.total for tally in self._latest):
                seen = self.tally(REPORT_S)
                if seen.failed or seen.wrong or time.monotonic() > deadline:
                    raise ServerError(f"clients got no answers: {seen.examples}")
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the processes."""
        self.close()

    def tally(self, wait_s: float = 0.0) -> Tally:
        """Return what all clients have seen; waits at most so long for news of any."""
        waiting = multiprocessing.connection.wait(self._pipes, wait_s)
        for number, pipe in enumerate(self._pipes):
            if pipe in waiting and not self._read(number):
                raise ServerError(f"{self._processes[number].name} ended unasked")
        return add(self._latest)

    def stop(self) -> Tally:
        """Let the clients finish what is in flight and return what they saw in the end."""
        for pipe in self._pipes:
            with contextlib.suppress(BrokenPipeError):
                pipe.send("stop")
        for number, pipe in enumerate(self._pipes):
            process = self._processes[number]
            while self._read(number):
                if not pipe.poll(END_LIMIT_S):
                    raise ServerError(f"{process.name} did not end")
            process.join(END_LIMIT_S)
            if process.exitcode != 0:
                raise ServerError(f"{process.name} ended with status {process.exitcode}")
        return add(self._latest)

    def close(self) -> None:
        """Hang up, and end what does not end by itself."""
        for pipe in self._pipes:
            pipe.close()
        for process in self._processes:
            process.terminate()
            process.join(END_LIMIT_S)
            process.close()

    def _read(self, number: int) -> bool:
        """Take one client's reports up to the newest; False when it has hung up."""
        pipe = self._pipes[number]
        try:
            while pipe.poll():
                self._latest[number] = pipe.recv()
        except (EOFError, ConnectionResetError):
            return False
        return True
