"""Options of a backend: those it has, and what to say to the others."""

from __future__ import annotations

from collections.abc import Iterable

from runtime.backends.base import LoadOptions
from runtime.errors import ModelError

ON = "on"
OFF = "off"


def refuse_unknown(backend: str, options: LoadOptions, known: Iterable[str]) -> None:
    """Raise ModelError naming an option that a backend does not have."""
    unknown = set(options.extra) - set(known)
    if unknown:
        has = ", ".join(sorted(known)) or "none"
        raise ModelError(
            f"the {backend} backend has no option {min(unknown)!r}; it has: {has}"
        )


def refuse_device(options: LoadOptions) -> None:
    """Raise ModelError unless the model is to run on the CPU."""
    if options.device != "cpu":
        raise ModelError(
            f"device {options.device!r} cannot be used: models run on the CPU only; "
            "leave the device out, or set it to cpu"
        )


def choice(options: LoadOptions, name: str, choices: tuple[str, ...]) -> str:
    """Return an option's value, the first choice where it is not given.

    Raises ModelError naming the choices for any other value.
    """
    value = options.extra.get(name, choices[0])
    if value not in choices:
        raise ModelError(
            f"option {name!r} is {value!r}; it must be one of {', '.join(choices)}"
        )
    return value
