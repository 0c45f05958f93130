"""Whether one signature can take another's place without any client noticing.

Pure, so that a registry, a server and a worker say the same in the same words.
"""

from __future__ import annotations

from runtime.backends.base import FREE, Signature, TensorSpec

REMEDY = "publish it under another name, or allow it with --allow-signature-change"


def differences(old: Signature, new: Signature) -> list[str]:
    """Say what clients of `old` would miss in `new`; nothing when it can take its place.

    Every request that `old` accepts must be accepted, and every output that it gives must
    be given, of the same datatype and dims; where `old` left a dim free, any will do.
    Inputs that are added must be optional; outputs may be added.
    """
    found = [*of_inputs(old.inputs, new.inputs), *of_outputs(old.outputs, new.outputs)]
    if old.decoupled != new.decoupled:
        how = "any number of responses" if new.decoupled else "one response"
        was = "any number" if old.decoupled else "one"
        found.append(f"a request gets {how}, and got {was}")
    if old.batchable and not new.batchable:
        found.append("requests may not have many rows, and could")
    if new.max_rows is not None and (old.max_rows is None or new.max_rows < old.max_rows):
        was = "any number" if old.max_rows is None else str(old.max_rows)
        found.append(
            f"a request may have {new.max_rows} rows at most, and could have {was}"
        )
    return found


def of_inputs(old: tuple[TensorSpec, ...], new: tuple[TensorSpec, ...]) -> list[str]:
    """Say which inputs would refuse what they took."""
    known, given = ({spec.name: spec for spec in specs} for specs in (old, new))
    found: list[str] = []
    for was in old:
        spec = given.get(was.name)
        if spec is None:
            found.append(f"input {was.name!r} ({described(was)}) is gone")
        elif spec.datatype != was.datatype or not takes(spec, was):
            found.append(
                f"input {was.name!r} is {described(spec)}, and was {described(was)}"
            )
        elif was.optional and not spec.optional:
            found.append(f"input {was.name!r} must be given, and was optional")
    found += [
        f"input {spec.name!r} ({described(spec)}) is added and not optional"
        for spec in new
        if spec.name not in known and not spec.optional
    ]
    return found


def of_outputs(old: tuple[TensorSpec, ...], new: tuple[TensorSpec, ...]) -> list[str]:
    """Say which outputs would not be what they were."""
    given = {spec.name: spec for spec in new}
    found: list[str] = []
    for was in old:
        spec = given.get(was.name)
        if spec is None:
            found.append(f"output {was.name!r} ({described(was)}) is gone")
        elif spec.datatype != was.datatype or not takes(was, spec):
            found.append(
                f"output {was.name!r} is {described(spec)}, and was {described(was)}"
            )
    return found


def takes(wide: TensorSpec, narrow: TensorSpec) -> bool:
    """Tell whether every shape of `narrow` is a shape of `wide`."""
    return len(wide.shape) == len(narrow.shape) and all(
        size in (FREE, other) for size, other in zip(wide.shape, narrow.shape, strict=True)
    )


def described(spec: TensorSpec) -> str:
    """Return a tensor's datatype and shape for people.

    Examples
    --------
    >>> described(TensorSpec("x", "FP32", (FREE, 4)))
    'FP32 [-1, 4]'
    """
    return f"{spec.datatype} {list(spec.shape)}"
