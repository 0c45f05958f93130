"""The loop of a worker: claim the oldest batch, run it, publish its outputs."""

from __future__ import annotations

import contextlib
import logging

from runtime.backends.base import Backend, Inputs, Signature
from runtime.errors import InputError, LeeboardError
from runtime.native.port import NOTHING, STOPPED, WorkerPort, monotonic_ns
from runtime.workers.channel import is_readable
from runtime.workers.faults import Faults
from runtime.workers.recorded import Request, Ring
from runtime.workers.responses import SlotResponses
from runtime.workers.slots import InputReader, SlotOutputs

logger = logging.getLogger(__name__)

WAIT_MS = 100
"""Longest sleep between two looks at the page: what a lost bell may cost."""

INVALID_ARGUMENT = 3
RESOURCE_EXHAUSTED = 8
INTERNAL = 13


class BatchLoop:
    """Runs batches of one port on one backend, in the calling thread.

    Some of them are left in `ring`; without one nothing is recorded.
    """

    def __init__(
        self,
        port: WorkerPort,
        backend: Backend,
        signature: Signature,
        batched: bool,
        faults: Faults | None = None,
        ring: Ring | None = None,
    ) -> None:
        self._port = port
        self._backend = backend
        self._faults = faults
        self._ring = ring or Ring(signature, batched, 0)
        self._request: Request | None = None  # Of the batch in hand, when it is recorded.
        self._was_due = False
        self._inputs = InputReader(port, signature)
        self._outputs = SlotOutputs(port, signature, batched)
        self._responses = (
            SlotResponses(port, signature, WAIT_MS) if signature.decoupled else None
        )

    def run(self, watch: int) -> None:
        """Serve until the descriptor `watch` becomes readable or hangs up.

        May be called again, when what made it readable was taken from it.
        """
        port = self._port
        if self._responses is not None:
            self._responses.watch = watch
        while True:
            taken = port.take(WAIT_MS, watch)
            if taken == STOPPED:
                return
            if taken != NOTHING:
                self.run_batch()
                self._pass("before_bell")
                port.ring()
                if self._was_due:
                    self._was_due = False
                    self.keep_recorded()
                    if is_readable(watch):  # A port that always has a batch never looks.
                        return

    def keep_recorded(self) -> None:
        """Put the last batch into the ring, if it was recorded and went well."""
        request, self._request = self._request, None
        if request is not None:
            with contextlib.suppress(MemoryError):  # Then without this one.
                self._ring.keep(request, () if self._responses else self._outputs.placed)

    def run_batch(self) -> None:
        """Run the batch that the port has claimed and publish what came of it."""
        port = self._port
        try:
            self._pass("after_claim")
            inputs = self._inputs.read()
            if self._responses is None:
                done = self._answer(inputs, self._outputs)
            else:
                done = self._respond(inputs, self._responses)
            self._pass("before_publish")
        except InputError as error:
            port.fail(INVALID_ARGUMENT, str(error).encode())
        except MemoryError as error:
            port.fail(RESOURCE_EXHAUSTED, f"out of memory: {error}".encode())
        except LeeboardError as error:
            port.fail(INTERNAL, str(error).encode())
        except Exception as error:
            # The edge of a thread's loop: what a backend raises is its batch's failure.
            logger.exception("the backend raised an unexpected error")
            port.fail(INTERNAL, f"{type(error).__name__}: {error}".encode())
        else:
            port.publish(*done)

    def _answer(
        self, inputs: Inputs, outputs: SlotOutputs
    ) -> tuple[int, bool, int, int, bool]:
        """Run the batch; returns what to publish."""
        outputs.begin()
        began = monotonic_ns()
        request: Request | None = None
        if began >= self._ring.due:
            request = self._record(inputs)
            began = monotonic_ns()
        self._backend.run(inputs, outputs)
        ended = monotonic_ns()
        self._pass("mid_output")
        count = outputs.finish()
        self._request = request
        return count, outputs.grown, began, ended, False

    def _respond(
        self, inputs: Inputs, responses: SlotResponses
    ) -> tuple[int, bool, int, int, bool]:
        """Run the batch, which publishes its responses; returns how to end it."""
        request = self._record(inputs) if monotonic_ns() >= self._ring.due else None
        responses.start()
        self._backend.run(inputs, responses)
        ended = monotonic_ns()
        self._pass("mid_output")
        responses.end()
        self._request = request
        return 0, False, responses.began, ended, False

    def _record(self, inputs: Inputs) -> Request | None:
        """Copy what the batch was asked: its memory may be another batch's afterwards."""
        self._was_due = True
        try:
            return self._ring.copy(inputs)
        except MemoryError:
            return None  # The batch itself may well have room.

    def _pass(self, point: str) -> None:
        if self._faults is not None:
            self._faults(point)
