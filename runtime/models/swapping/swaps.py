"""All followed models of a server: one loop over the registry, and what people ask.

The registry is looked at when it says that something has changed, and every `poll_s`
besides. What it says is only ever taken as a wish; while it cannot be asked, everything
goes on as it is.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from runtime.errors import LeeboardError, ModelError
from runtime.events import about
from runtime.models.swapping.errands import Errands
from runtime.models.swapping.followed import Followed
from runtime.models.swapping.local_state import Frozen, LocalState
from runtime.models.swapping.records import RolledBack
from runtime.models.swapping.telling import frozen_words
from runtime.registry.source import (
    Happened,
    Pointer,
    RegistryError,
    RegistryUnavailable,
    Source,
    Use,
)

logger = logging.getLogger(__name__)

LOOK_S = 10.0
MOVE_S = 10.0
LEASE_S = 60.0
"""How often the registry is told of what is held, though nothing has changed."""

MOST_NEWS = 256
CLOSE_S = 2.0

Said = Pointer | RegistryError | RegistryUnavailable
"""What a registry said of an alias."""


@dataclass(frozen=True, slots=True)
class Follow:
    """A model to serve, and the alias that says which version."""

    model: str
    alias: str

    def __str__(self) -> str:
        return f"{self.model}@{self.alias}"


class Swaps:
    """Keeps models on their aliases.

    Parameters
    ----------
    registry, disk
        The threads on which the source is asked, and on which `state` is written.
    server
        This server's name in the registry.
    poll_s
        Returns the seconds between two looks.
    """

    def __init__(
        self,
        source: Source,
        follows: Mapping[Follow, Followed],
        state: LocalState,
        threads: tuple[Errands, Errands],
        server: str,
        poll_s: Callable[[], float],
    ) -> None:
        self.source = source
        self.follows = dict(follows)
        self.reachable = True
        self.head = ""  # Of the registry's audit log.
        self._state = state
        self._registry, self._disk = threads
        self._server = server
        self._poll_s = poll_s
        self._changed = asyncio.Event()
        self._looking = False
        self._moving = asyncio.Lock()
        self._news: list[Happened] = []
        self._uses: list[Use] = []
        self._told_at = -LEASE_S
        self._watched = -1

    @property
    def models(self) -> frozenset[str]:
        """The names of all models that are followed."""
        return frozenset(follow.model for follow in self.follows)

    def followed(self, model: str) -> Followed:
        """Return a followed model; raises ModelError for another."""
        for follow, followed in self.follows.items():
            if follow.model == model:
                return followed
        names = ", ".join(sorted(self.models)) or "none"
        raise ModelError(
            f"{model!r} follows no alias of a registry; those that do: {names}"
        )

    def note(self, happened: Happened) -> None:
        """Have the registry's log keep something, as soon as it can be told."""
        del self._news[: max(len(self._news) - MOST_NEWS + 1, 0)]
        self._news.append(happened)
        self._changed.set()

    async def start(self) -> None:
        """Serve what was served last, or what the aliases name; ends when all is tried."""
        await self._look()
        for followed in self.follows.values():
            followed.settle()
        await asyncio.gather(*(each.tried.wait() for each in self.follows.values()))

    async def follow(self) -> None:
        """Look, act and wait, without end."""
        self._watch()
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._poll_s()):
                    await self._changed.wait()
            self._changed.clear()
            try:
                await self.turn()
            except Exception:  # The edge of a task: it goes on, whatever one look has met.
                logger.exception("the registry could not be followed")

    async def turn(self) -> None:
        """Look at the registry once, do what follows from that, and tell it."""
        await self._look()
        for followed in self.follows.values():
            if self.reachable and (note := await self._move_back(followed)):
                logger.warning("%s", note, extra=about("held", followed.model))
            followed.settle()
        await self._tell()

    async def rollback(self, model: str, by: str, reason: str) -> RolledBack:
        """Serve the version again that served before, at once if it is still warm.

        Its alias is moved there as well, so that all servers follow; where that cannot be
        done the model stays on that version until it can. Raises ModelError when there is
        nothing to go back to, and RegistryUnavailable when it would have to be loaded and
        the registry cannot be asked.
        """
        followed = self.followed(model)
        before, to = followed.serving, followed.warm
        if to:
            seconds = await followed.go_back(to, by, reason)
            return RolledBack(before, to, seconds, True, await self._move_back(followed))
        pointer = followed.known.pointer
        if followed.frozen is not None:
            raise ModelError(
                f"{model} is frozen {frozen_words(followed.frozen)}; no other version is "
                "warm here, so unfreeze it to go back"
            )
        if pointer is None or pointer.previous in (0, before):
            raise ModelError(
                f"{model} has no version to go back to: none is warm here, and the "
                "registry knows no previous one"
            )
        await self._move(pointer, pointer.previous, by, reason or "rolled back")
        self._changed.set()
        return RolledBack(before, pointer.previous, 0.0, False, "it has to be loaded first")

    async def freeze(self, model: str, by: str, reason: str) -> dict[str, Frozen]:
        """Keep a model (empty: all that serve) on its version, also after a restart."""
        chosen = [each for each in self._named(model) if model or each.serving]
        return {each.model: await each.freeze(reason, by) for each in chosen}

    async def unfreeze(self, model: str, by: str) -> list[str]:
        """Follow the alias again; returns the models that do."""
        chosen = self._named(model)
        if not model:
            chosen = [each for each in chosen if each.known.frozen is not None]
        for each in chosen:
            await each.unfreeze(by)
        self._changed.set()
        return [each.model for each in chosen]

    def retry(self, model: str) -> None:
        """Try a version again that could not be fetched or loaded."""
        self.followed(model).retry()
        self._changed.set()

    async def close(self) -> None:
        """Stop following; what serves goes on. Tells the registry that nothing is held."""
        if self._watched >= 0:
            asyncio.get_running_loop().remove_reader(self._watched)
        for followed in self.follows.values():
            await followed.close()
        with contextlib.suppress(LeeboardError, OSError):
            await self._registry.run(self._leave, CLOSE_S)
        self._registry.close()
        self._disk.close()
        self._state.close()

    def _leave(self) -> None:
        """Tell the registry the last news, and that nothing is held any more."""
        try:
            self.source.tell(self._server, [], self._news)
        finally:
            self.source.close()

    def _named(self, model: str) -> Sequence[Followed]:
        return [self.followed(model)] if model else list(self.follows.values())

    def _watch(self) -> None:
        """Have the loop woken by the registry's changes, where the source can tell."""
        if self._watched >= 0:
            return
        with contextlib.suppress(LeeboardError):
            self._watched = self.source.watch()
        if self._watched >= 0:
            asyncio.get_running_loop().add_reader(self._watched, self._hear_change)

    def _hear_change(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._watched, 1 << 16)
        self._changed.set()

    async def _look(self) -> None:
        """Ask the registry what all aliases point at, and pass that on."""
        if self._looking:  # A look that hangs; another would hang behind it.
            return
        self._looking = True
        try:
            said = await self._registry.run(self._ask, LOOK_S)
        except TimeoutError:
            self._say_reachable(f"it did not answer within {LOOK_S:g} s")
            return
        except LeeboardError as error:  # Nothing looks, nor will.
            self._looking = False
            self._say_reachable(str(error))
            return
        lost = [each for each in said.values() if isinstance(each, RegistryUnavailable)]
        self._say_reachable(str(lost[0]) if lost else "")
        for follow, followed in self.follows.items():
            match said[follow]:
                case Pointer() as pointer:
                    followed.hear(pointer)
                case RegistryUnavailable() as lack if followed.known.pointer is None:
                    followed.fail(str(lack))
                case RegistryError() as refusal:
                    followed.fail(str(refusal))

    def _ask(self) -> dict[Follow, Said]:
        """Look at every alias; on the registry's thread."""
        try:
            said = {follow: self._ask_one(follow) for follow in self.follows}
            with contextlib.suppress(LeeboardError):
                self.head = self.source.head()
            return said
        finally:
            self._looking = False

    def _ask_one(self, follow: Follow) -> Said:
        try:
            return self.source.look(follow.model, follow.alias)
        except RegistryError as error:
            return error
        except Exception as error:
            # The edge of a source: whatever it met, models serve as they are.
            return RegistryUnavailable(str(error) or type(error).__name__)

    def _say_reachable(self, trouble: str) -> None:
        """Log once that the registry has gone, and once that it is back."""
        if self.reachable == (not trouble):
            return
        self.reachable = not trouble
        if trouble:
            logger.error(
                "the registry %s cannot be asked, so all versions stay as they are: %s",
                self.source.place,
                trouble,
                extra=about("registry_lost"),
            )
        else:
            extra = about("registry_back")
            logger.info("the registry %s answers again", self.source.place, extra=extra)
            self._watch()

    async def _move_back(self, followed: Followed) -> str:
        """Point the alias to where a model was rolled back; returns what is in the way."""
        async with self._moving:  # One after the other, each knows what came of the last.
            return await self._move_to(followed)

    async def _move_to(self, followed: Followed) -> str:
        frozen, pointer = followed.known.frozen, followed.known.pointer
        if frozen is None or frozen.expected is None or pointer is None:
            return ""
        stays = f"{followed.model} stays on version {frozen.number} until it is unfrozen"
        try:
            if pointer.number != frozen.number:
                seen = replace(pointer, generation=frozen.expected)
                pointer = await self._move(seen, frozen.number, frozen.by, frozen.reason)
        except RegistryError as error:  # Somebody else has moved it: people must decide.
            await followed.release(frozen, None)
            return f"{stays}: {error}"
        except LeeboardError as error:
            return f"{stays} or its alias could be moved: {error}"
        followed.hear(pointer)
        await followed.release(frozen, pointer.generation)
        return ""

    async def _move(self, pointer: Pointer, to: int, by: str, reason: str) -> Pointer:
        """Move an alias that still is where it was seen; raises LeeboardError."""

        def move() -> Pointer:
            model, alias, seen = pointer.model, pointer.alias, pointer.generation
            return self.source.move(model, alias, to, seen, by, reason)

        try:
            return await self._registry.run(move, MOVE_S)
        except TimeoutError:
            words = f"the registry did not answer within {MOVE_S:g} s"
            raise RegistryUnavailable(words) from None

    async def _tell(self) -> None:
        """Tell the registry what is held and what happened, where that is new."""
        if not self.reachable:
            return
        now = asyncio.get_running_loop().time()
        uses = [use for followed in self.follows.values() for use in followed.uses]
        if uses == self._uses and not self._news and now < self._told_at + LEASE_S:
            return
        news = list(self._news)
        try:
            await self._registry.run(
                lambda: self.source.tell(self._server, uses, news), LOOK_S
            )
        except (LeeboardError, OSError) as error:
            logger.debug("the registry could not be told of what is held: %s", error)
            return
        self._uses, self._told_at = uses, now
        told = set(map(id, news))
        self._news = [each for each in self._news if id(each) not in told]
