"""What the numbers of a model's settings may be, whichever file says them."""

from __future__ import annotations

import math

from runtime.errors import ConfigError

MOST_ROWS = 4096
MOST_INSTANCES = 256
MOST_THREADS = 1024
MOST_WAITING = 1_000_000
LONGEST_DELAY_US = 60_000_000
LONGEST_TIMEOUT_US = 86_400_000_000
MOST_ELEMENTS = 1 << 28
"""Of one tensor of a warm-up sample."""


def bounded(key: str, value: int, lowest: int, highest: int) -> int:
    """Return `value`; raises ConfigError, naming `key`, when it is out of bounds."""
    if not lowest <= value <= highest:
        raise ConfigError(f"{key} is {value}; it must be {lowest} to {highest}")
    return value


def check_dims(key: str, dims: tuple[int, ...]) -> tuple[int, ...]:
    """Return dims, each positive or -1; raises ConfigError, naming `key`."""
    if wrong := [n for n in dims if n < 1 and n != -1]:
        raise ConfigError(f"{key} has {wrong[0]}; a dimension is positive, or -1: free")
    if len(dims) > 32:
        raise ConfigError(f"{key} has {len(dims)} dimensions; 32 are the most")
    return dims


def check_sample(key: str, dims: tuple[int, ...], rows: int) -> None:
    """Raise ConfigError, naming `key`, where a sample cannot be made of such dims."""
    if -1 in dims:
        raise ConfigError(f"{key} has -1; say how large it is")
    if (elements := math.prod(dims) * rows) > MOST_ELEMENTS:
        raise ConfigError(f"{key} makes {elements} elements; {MOST_ELEMENTS} are the most")


def check_reshape(
    key: str, dims: tuple[int, ...] | None, reshape: tuple[int, ...] | None
) -> tuple[int, ...] | None:
    """Return `reshape`; raises ConfigError where it holds other elements than `dims`.

    Between two free dimensions the products must be equal.
    """
    if reshape is None:
        return None
    if dims is None:
        raise ConfigError(f"{key} needs dims beside it")
    if _products(dims) != _products(check_dims(key, reshape)):
        raise ConfigError(f"{key} {list(reshape)} cannot hold what dims {list(dims)} holds")
    return reshape


def _products(dims: tuple[int, ...]) -> list[int]:
    products = [1]
    for n in dims:
        if n == -1:
            products.append(1)
        else:
            products[-1] *= n
    return products
