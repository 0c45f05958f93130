"""Whether a version may take another's place, from what their manifests say.

The rule is `runtime.backends.successor`'s. A manifest does not say whether rows may be
joined; a server finds that out, and holds a successor to it once more.
"""

from __future__ import annotations

from collections.abc import Iterable

from runtime.backends import base, successor
from runtime.registry.manifest import Signature, Tensor


def reasons(old: Signature, new: Signature) -> list[str]:
    """Say what clients of `old` would miss in `new`; nothing when it can take its place.

    Where either is not known there is nothing to say: the server's gate will.

    Examples
    --------
    >>> old = Signature((Tensor("x", "FP32", (-1, 4)),))
    >>> reasons(old, Signature((Tensor("x", "FP32", (-1, 5)),)))
    ["input 'x' is FP32 [-1, 5], and was FP32 [-1, 4]"]
    """
    if not is_known(old) or not is_known(new):
        return []
    return successor.differences(as_loaded(old), as_loaded(new))


def is_known(signature: Signature) -> bool:
    """Tell whether a signature says anything."""
    return bool(signature.inputs or signature.outputs)


def as_loaded(signature: Signature) -> base.Signature:
    """Return a manifest's signature as a backend would say it."""
    return base.Signature(
        "", _specs(signature.inputs), _specs(signature.outputs), batchable=False
    )


def as_kept(signature: base.Signature) -> Signature:
    """Return a backend's signature as a manifest keeps it."""
    return Signature(_tensors(signature.inputs), _tensors(signature.outputs))


def _specs(tensors: Iterable[Tensor]) -> tuple[base.TensorSpec, ...]:
    return tuple(base.TensorSpec(t.name, t.datatype, t.shape, t.optional) for t in tensors)


def _tensors(specs: Iterable[base.TensorSpec]) -> tuple[Tensor, ...]:
    return tuple(Tensor(s.name, s.datatype, s.shape, s.optional) for s in specs)
