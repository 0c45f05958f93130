"""Where a worker's backend puts the responses of a decoupled model's batch."""

from __future__ import annotations

from runtime.backends.base import Signature, TensorSpec
from runtime.errors import ModelError
from runtime.native.port import NOTHING, ROOM, STOPPED, WorkerPort, monotonic_ns
from runtime.workers.channel import is_hung_up
from runtime.workers.slots import SlotOutputs

NOBODY = -1
"""A descriptor that is never readable."""


class SlotResponses(SlotOutputs):
    """The responses of one batch; see `runtime.backends.base.Responses`.

    All of them lie in the memory that the batch was granted, each in the last one's place:
    it is filled only once the front end has done with that. One that does not fit has a
    region of its own. `watch` is a descriptor that ends the waiting when it hangs up.
    """

    def __init__(
        self, port: WorkerPort, signature: Signature, wait_ms: int, watch: int = -1
    ) -> None:
        super().__init__(port, signature, batched=False)  # Of any number of rows.
        self.watch = watch
        self._wait_ms = wait_ms
        self.start()

    def start(self) -> None:
        """Start the batch that the port has claimed."""
        self.begin()
        self._may_fill = False
        self.began = monotonic_ns()

    def ready(self) -> bool:
        """Wait until the next response may be filled; False: nobody wants another."""
        ended = monotonic_ns()
        room = self._await_room()
        self._ended = ended
        self._may_fill = room == ROOM
        return self._may_fill

    def _await_room(self) -> int:
        """Wait for room, for the end of interest in it, or for the end of the front end."""
        was_asked = False
        while True:
            watch = NOBODY if was_asked else self.watch
            room = self._port.await_room(self._wait_ms, watch)
            if room not in (NOTHING, STOPPED):
                return room
            # A question of the front end can wait, and would end every wait at once.
            was_asked = was_asked or room == STOPPED
            if was_asked and is_hung_up(self.watch):
                return STOPPED

    def send(self) -> bool:
        """Publish what was filled as one response; False: nobody wants another."""
        count = self.finish()
        wanted = self._port.publish(count, self.grown, self.began, self._ended, True)
        self._port.ring()
        self.start()
        return wanted

    def end(self) -> None:
        """Raise ModelError when outputs were filled and not given as a response."""
        if self._done:
            raise ModelError("the model filled outputs that it did not give as a response")

    def _check(self, name: str, shape: tuple[int, ...]) -> tuple[int, TensorSpec]:
        if not self._may_fill:
            raise ModelError(f"output {name!r} was filled before its response was ready")
        return super()._check(name, shape)
