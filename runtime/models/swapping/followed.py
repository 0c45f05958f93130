"""One followed model: what its alias says, what is held of it, what is done about it.

Everything here runs on the event loop and returns at once; only fetching and loading take
time, and they are a task that the next decision waits for. So a rollback or a freeze is
never behind a load.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import replace

from runtime.errors import LeeboardError, ModelError
from runtime.models.swapping import freezing, policy
from runtime.models.swapping.hands import Hands
from runtime.models.swapping.lifecycle import Stage, Step, advance
from runtime.models.swapping.loading import Loading
from runtime.models.swapping.local_state import Frozen, Known
from runtime.models.swapping.notebook import Notebook
from runtime.models.swapping.policy import Action, Held, Keeping, Kind, Wish
from runtime.models.swapping.records import AGAIN, USES, Kept, Rules, Timings
from runtime.models.swapping.telling import Diary, chosen_words, told_of
from runtime.registry.source import Happened, Pointer, Use

logger = logging.getLogger(__name__)


class Followed:
    """Keeps one model on what its alias names.

    Parameters
    ----------
    known
        What the server knew of it when it last ran.
    tell
        Hears what happened, for the registry's log; must return at once.
    clock, wall
        Monotonic and Unix time in seconds.
    """

    def __init__(
        self,
        model: str,
        hands: Hands,
        known: Known,
        rules: Rules,
        tell: Callable[[Happened], None],
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.model = model
        self.rules = rules
        self.kept: dict[int, Kept] = {}
        self.timings = Timings()
        self.idle, self.tried = asyncio.Event(), asyncio.Event()  # Tried: or it serves.
        self._hands = hands
        self._diary = Diary(model, tell)
        self._clock = clock
        self._wall = wall
        self._notebook = Notebook(
            model,
            hands,
            known,
            lambda: frozenset(kept.pointer.digest for kept in self.kept.values()),
        )
        self._loading = Loading(
            hands, self.timings, self.kept, self._advance, self._retire, self._is_wanted
        )
        self._tasks: dict[asyncio.Task[None], int] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._told: tuple[int, Mapping[int, Mapping[str, str]]] = (0, {})
        self._closed, self._trouble = False, ""

    @property
    def known(self) -> Known:
        """What the server would know of the model after a restart."""
        return self._notebook.known

    @property
    def serving(self) -> int:
        """The version that answers those who name none; 0 for none."""
        return next((n for n, k in self.kept.items() if k.stage is Stage.SERVING), 0)

    @property
    def warm(self) -> int:
        """The version that served last and can serve again at once; 0 for none."""
        found = [
            (kept.since_s, number)
            for number, kept in self.kept.items()
            if kept.stage is Stage.WARM and self._hands.is_ready(number)
        ]
        return max(found, default=(0.0, 0))[1]

    @property
    def frozen(self) -> Frozen | None:
        """Why the model stays as it is, if it does: by this server, or by its registry."""
        return self.known.frozen_on(self.serving)

    @property
    def uses(self) -> list[Use]:
        """What is held, for the registry: it must not be removed there."""
        held = [kept for kept in self.kept.values() if kept.stage is not Stage.REFUSED]
        return [Use(self.model, k.number, USES.get(k.stage, "loading")) for k in held]

    def hear(self, pointer: Pointer) -> None:
        """Hear what the alias points at."""
        before, self._trouble = self.known.pointer, ""
        self._hands.refuse(0, "")
        if pointer == before:
            return
        if before is None or before.number != pointer.number:
            by = f", moved by {pointer.moved_by}" if pointer.moved_by else ""
            self._diary.say(
                "alias_moved", pointer.number, f"{pointer.alias} points here{by}"
            )
            self._forget_refused(pointer.number)
        self._notebook.remember(replace(self.known, pointer=pointer))
        self._leave_loads()
        self.settle()

    def fail(self, reason: str) -> None:
        """Hear that there is nothing to follow: no such model, no such alias."""
        if reason != self._trouble:
            self._trouble = reason
            self._diary.say("not_followed", self.serving, reason)
        if not self.serving:
            self._hands.refuse(0, reason)
        self.settle()

    async def freeze(self, reason: str, by: str) -> Frozen:
        """Stay as it is, whatever the alias says; on disk when this returns."""
        number = self.serving
        if not number:
            raise ModelError(f"{self.model} serves no version that it could stay on")
        digest = self.kept[number].pointer.digest
        frozen = Frozen(number, digest, reason, by, self._wall())
        self._diary.note("frozen", number, by, reason)
        await self._hold(freezing.by_hand(frozen, self.known.frozen))
        return frozen

    async def unfreeze(self, by: str) -> None:
        """Follow the alias again; ModelError where it is not this server's freeze."""
        frozen = self.known.frozen
        if frozen is None:
            where = "frozen in the registry, not here" if self.frozen else "not frozen"
            raise ModelError(f"{self.model} is {where}")
        self._diary.note("unfrozen", frozen.number, by, "")
        await self._hold(None)

    async def go_back(self, to: int, by: str, reason: str) -> float:
        """Serve a version that is still warm, at once; returns the seconds that took.

        The model stays on it until its alias was moved there, too; see `release`.
        """
        began, before, pointer = self._clock(), self.serving, self.known.pointer
        words = reason or f"rolled back from version {before}"
        self._swap(to, f"rolled back from version {before} by {by}", "rolled_back")
        self.timings.seconds["rollback"] = took = self._clock() - began
        self._diary.note("rolled-back", to, by, words)
        frozen = Frozen(to, self.kept[to].pointer.digest, words, by, self._wall())
        seen = pointer.generation if pointer else 0
        self._set_frozen(freezing.by_rollback(frozen, self.known.frozen, seen))
        await self._notebook.attempt()  # It has happened, whatever the disk says.
        return took

    async def release(self, asked: Frozen, generation: int | None) -> None:
        """Hear that the alias was moved to where the model went back, or (None) is not."""
        frozen = freezing.after_move(self.known.frozen, asked, generation)
        if frozen != self.known.frozen:
            self._set_frozen(frozen)
            await self._notebook.attempt()

    def retry(self) -> None:
        """Try versions again that were refused."""
        for kept in self.kept.values():
            if kept.stage is Stage.REFUSED:
                kept.retry_at_s = self._clock()
        self.settle()

    def settle(self) -> None:
        """Do all that can be done now, and see to it that the rest is done in time."""
        if self._closed:
            return
        while (action := policy.next_action(*self._situation())) is not None:
            self._do(action)
        self._publish()
        if not self._tasks:
            self.idle.set()
        if not self._tasks or self.serving:
            self.tried.set()
        self._wake_later()

    async def close(self) -> None:
        """Do nothing any more; what serves goes on."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._notebook.close()
        self._hands.close()

    def _situation(self) -> tuple[Wish, list[Held], Keeping, float]:
        known, frozen, pointer = self.known, self.frozen, self.known.pointer
        number = (frozen.number if frozen else 0) or (pointer.number if pointer else 0)
        generation = self._pointer_of(number).generation
        wish = Wish(number, generation, known.number, frozen is not None)
        held = [
            kept.held(self._hands.is_ready(number)) for number, kept in self.kept.items()
        ]
        return wish, held, self.rules.keeping, self._clock()

    def _is_wanted(self, number: int) -> bool:
        return not self.serving or self._situation()[0].number == number

    def _wake_later(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        at = policy.wake_at(*self._situation())
        if at is not None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(max(at - self._clock(), 0.0), self.settle)

    def _do(self, action: Action) -> None:
        match action.kind:
            case Kind.LOAD:
                self._begin(action)
            case Kind.SWAP:
                self._swap(action.number, action.why, "swapped")
                self._diary.tell("swapped", action.number, action.why)
            case Kind.RETIRE:
                self._retire(action.number, action.why)

    def _begin(self, action: Action) -> None:
        """Fetch and load a version, in a task of its own."""
        pointer = self._pointer_of(action.number)
        kept = self.kept.setdefault(action.number, Kept(pointer, self._clock()))
        kept.pointer = pointer
        kept.chosen_by, kept.tries = chosen_words(pointer, action.why), kept.tries + 1
        self._advance(kept, Step.FETCH, action.why)
        self.idle.clear()
        task = asyncio.get_running_loop().create_task(self._load(kept))
        self._tasks[task] = action.number
        task.add_done_callback(self._loaded)

    def _loaded(self, task: asyncio.Task[None]) -> None:
        number = self._tasks.pop(task)
        if task.cancelled() and not self._closed:
            self._retire(number, "the alias has moved on")
        self.settle()

    async def _load(self, kept: Kept) -> None:
        try:
            await self._loading.run(kept, self.rules)
        except Exception as error:
            # The edge of a task: whatever it was, the version is not served for it.
            if not isinstance(error, LeeboardError | OSError | TimeoutError):
                logger.exception("%s could not be loaded", kept.label)
            self._break(kept, error)

    def _leave_loads(self) -> None:
        """Give up what is under way and not wanted: it may hang, and others wait for it."""
        for task, number in self._tasks.items():
            if not self._is_wanted(number):
                task.cancel()

    def _break(self, kept: Kept, error: Exception) -> None:
        words = str(error) or type(error).__name__
        again_s = self._clock() + policy.retry_pause_s(kept.tries)
        kept.retry_at_s = again_s if isinstance(error, AGAIN) else None
        self._advance(kept, Step.BROKE, words)
        self._hands.withdraw(kept.number)  # Whatever is left of it.
        self._hands.refuse(kept.number, words)
        self.timings.count("refused")
        if kept.tries == 1:
            self._diary.tell("refused", kept.number, words)

    def _swap(self, number: int, why: str, outcome: str) -> None:
        """Let requests go to a version; the one they went to before stays warm."""
        kept, before = self.kept[number], self.kept.get(self.serving)
        if before is not None:
            self._advance(before, Step.SWAPPED_OUT)
        self._advance(kept, Step.SWAPPED_IN, why)
        kept.pointer, kept.tries = self._pointer_of(number), 0
        began = self._clock()
        self._publish()
        self.timings.count(outcome)
        self.timings.seconds["publish"] = self._clock() - began
        moved_at = kept.pointer.moved_at
        if moved_at and outcome == "swapped" and number != self.known.number:
            self.timings.seconds["alias_to_serving"] = max(self._wall() - moved_at, 0.0)
        self._hands.refuse(number, "")
        digest = kept.pointer.digest
        self._notebook.remember(replace(self.known, number=number, digest=digest))

    def _retire(self, number: int, why: str) -> None:
        self._advance(self.kept[number], Step.RETIRED, why)
        del self.kept[number]
        self._hands.withdraw(number)
        self._notebook.save()

    def _forget_refused(self, but: int) -> None:
        """Drop what was refused and is not wanted any more."""
        for number in [n for n, k in self.kept.items() if k.stage is Stage.REFUSED]:
            if number not in (but, self.known.number):
                del self.kept[number]
                self._hands.refuse(number, "")

    def _pointer_of(self, number: int) -> Pointer:
        """Return the alias's word on a version, or what is known of it without."""
        known, pointer = self.known, self.known.pointer
        if pointer is not None and pointer.number == number:
            return pointer
        if number in self.kept:
            return self.kept[number].pointer
        frozen = known.frozen
        digest = frozen.digest if frozen and frozen.number == number else known.digest
        alias = pointer.alias if pointer else ""
        return Pointer(self.model, alias, number, digest, 0, any_signature=True)

    async def _hold(self, frozen: Frozen | None) -> None:
        """Set or end a freeze; on disk when this returns."""
        self._set_frozen(frozen)
        await self._notebook.write()

    def _set_frozen(self, frozen: Frozen | None) -> None:
        self._notebook.known = replace(self.known, frozen=frozen)
        self.settle()

    def _advance(self, kept: Kept, step: Step, why: str = "") -> None:
        kept.stage = advance(kept.label, kept.stage, step)
        kept.since_s, kept.why = self._clock(), why
        self._diary.say(f"version_{kept.stage.value}", kept.number, why)

    def _publish(self) -> None:
        """Publish who answers, and say in every version's configuration how it stands."""
        pointer, frozen = self.known.pointer, self.frozen
        serving, warm = self.serving, self.warm
        told = {
            number: told_of(pointer, frozen, serving, warm, kept)
            for number, kept in self.kept.items()
        }
        if (serving, told) != self._told:
            self._told = (serving, told)
            self._hands.publish(*self._told)
