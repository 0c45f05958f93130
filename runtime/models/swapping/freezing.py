"""What a freeze becomes: by a person, by a rollback, by the word of the registry."""

from __future__ import annotations

from dataclasses import replace

from runtime.models.swapping.local_state import Frozen


def by_hand(frozen: Frozen, before: Frozen | None) -> Frozen:
    """Return a freeze that a person asked for; it ends only when somebody ends it.

    An alias that a rollback to the same version still has to move is moved all the same.
    """
    is_same = before is not None and before.number == frozen.number
    expected = before.expected if before is not None and is_same else None
    return replace(frozen, expected=expected, stays=True)


def by_rollback(frozen: Frozen, before: Frozen | None, seen: int) -> Frozen:
    """Return a freeze that ends once the alias, seen at a generation, was moved, too.

    A model that a person has frozen stays frozen, on the version that it went back to.
    """
    stays = before is not None and (before.stays or before.expected is None)
    return replace(frozen, expected=seen, stays=stays)


def after_move(
    frozen: Frozen | None, asked: Frozen, generation: int | None
) -> Frozen | None:
    """Return what is left of a freeze once the alias was moved as `asked`.

    `generation` is the alias's then; None says that it will not be moved. A model that
    went elsewhere in the meantime still has its own move before it.
    """
    if frozen is None or frozen.expected is None:
        return frozen
    if (frozen.number, frozen.expected) != (asked.number, asked.expected):
        return frozen if generation is None else replace(frozen, expected=generation)
    if generation is None or frozen.stays:
        return replace(frozen, expected=None)
    return None
