"""Names and types of a PyTorch model's tensors: the file's, and what a person declared.

A declared tensor is found by the model's own name for it, or by its place, written as
``INPUT__0`` and ``OUTPUT__0`` are (any word, two underscores, a number).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import zip_longest

from runtime.backends.base import FREE, UNSTATED, LoadOptions, TensorSpec
from runtime.errors import ModelError

ORDINAL = re.compile(r".+__(\d+)")


def place_of(name: str, names: Sequence[str]) -> int | None:
    """Return the place of a declared name among the model's, or None."""
    if name in names:
        return names.index(name)
    ordinal = ORDINAL.fullmatch(name)
    return int(ordinal[1]) if ordinal else None


def places(role: str, declared: Sequence[TensorSpec], names: Sequence[str]) -> list[int]:
    """Return each declared tensor's place; raises ModelError for a stranger or a repeat."""
    found: list[int] = []
    for spec in declared:
        place = place_of(spec.name, names)
        if place is None or place >= len(names):
            raise ModelError(
                f"declared {role} {spec.name!r} is none of the model's, which are "
                f"{', '.join(names) or 'none'}; use these names, or {role.upper()}__0 "
                "and so on"
            )
        if place in found:
            raise ModelError(f"{role} {names[place]!r} is declared twice")
        found.append(place)
    return found


def ordered(role: str, declared: Sequence[TensorSpec]) -> tuple[TensorSpec, ...]:
    """Return tensors that the model has no names for: by number where all have one."""
    numbers = [ORDINAL.fullmatch(spec.name) for spec in declared]
    if not all(numbers):
        return tuple(declared)
    numbered = sorted(
        (int(n[1]), spec) for n, spec in zip(numbers, declared, strict=True) if n
    )
    if [number for number, _ in numbered] != list(range(len(numbered))):
        raise ModelError(
            f"declared {role}s must be numbered from 0 without gaps: {role.upper()}__0, "
            f"{role.upper()}__1"
        )
    return tuple(spec for _, spec in numbered)


def merged(role: str, declared: TensorSpec, own: TensorSpec) -> TensorSpec:
    """Return one tensor as declared and as the file has it; raises where they differ."""
    own_shape = own.shape
    shape = own_shape if declared.shape == UNSTATED else declared.shape
    pairs = list(zip_longest(shape, own_shape))
    fits = all(a == b or (FREE in (a, b) and None not in (a, b)) for a, b in pairs)
    if not fits or declared.datatype not in ("", own.datatype):
        raise ModelError(
            f"{role} {declared.name!r} is declared {declared.datatype} {list(shape)}, the "
            f"file has {own.datatype} {list(own_shape)}; correct the declaration"
        )
    narrowed = tuple(a if b == FREE else b for a, b in pairs)
    return replace(own, name=declared.name, shape=narrowed)


def all_declared(
    role: str, declared: Sequence[TensorSpec], own: Sequence[TensorSpec]
) -> tuple[TensorSpec, ...]:
    """Return the file's tensors under their declared names; all or none are declared.

    Outputs, whose names in a file mean nothing, may be given others, in their order.
    """
    if not declared:
        return tuple(own)
    names = [spec.name for spec in own]
    is_renamed = role == "output" and len(declared) == len(own)
    if is_renamed and all(place_of(spec.name, names) is None for spec in declared):
        pairs = zip(declared, own, strict=True)
        return tuple(merged(role, named, spec) for named, spec in pairs)
    where = dict(zip(places(role, declared, names), declared, strict=True))
    missing = [name for place, name in enumerate(names) if place not in where]
    if missing:
        raise ModelError(f"{role} {missing[0]!r} of the model is not declared; declare all")
    return tuple(merged(role, where[place], spec) for place, spec in enumerate(own))


def may_batch(inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec]) -> bool:
    """Whether the first dimension of every tensor is free."""
    every = [*inputs, *outputs]
    return bool(inputs) and all(spec.shape[:1] == (FREE,) for spec in every)


def refuse_undeclared(what: str, options: LoadOptions) -> None:
    """Raise ModelError when nobody declared what a format does not say."""
    every = (*options.inputs, *options.outputs)
    is_stated = all(spec.datatype and spec.shape != UNSTATED for spec in every)
    if not (options.inputs and options.outputs and is_stated):
        raise ModelError(
            f"{what} does not say which tensors it takes and gives; declare its inputs and "
            "outputs (name, datatype, dims) in leeboard.yaml or config.pbtxt"
        )
