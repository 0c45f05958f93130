"""What a module gives back, as its outputs in order: a tensor, several, or a dict."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from runtime.backends.base import TensorSpec
from runtime.errors import ModelError


def in_order(
    call: Callable[..., Any], outputs: Sequence[TensorSpec]
) -> Callable[..., Sequence[Any]]:
    """Return a module as a function whose results are the declared outputs, in order."""
    names = [spec.name for spec in outputs]

    def ordered(*inputs: object) -> Sequence[Any]:
        result = call(*inputs)
        if isinstance(result, (tuple, list)):
            return result
        return from_dict(result, names) if isinstance(result, Mapping) else (result,)

    return ordered


def from_dict(result: Mapping[Any, Any], names: Sequence[str]) -> list[Any]:
    """Return a dict's values by the declared names, which must be its keys."""
    if set(result) != set(names):
        raise ModelError(
            f"the model gave {', '.join(map(str, result)) or 'nothing'}; declared outputs "
            f"are {', '.join(names)}: declare them under the model's names"
        )
    return [result[name] for name in names]
