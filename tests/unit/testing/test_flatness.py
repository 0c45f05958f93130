"""Growth is told from noise, by name; what settles or jumps once is not called growth."""

from __future__ import annotations

import os
import random
import subprocess
import sys

import pytest

from runtime.testing.flatness import (
    BOUNDS_A_MINUTE,
    Flatness,
    private_kib,
    threads_of,
)

LOOKS = 60


def looked(name: str, growth: float, noise: float = 0.0, seed: int = 1) -> Flatness:
    """A series of one thing over an hour that grows so much a minute, in noise."""
    chance = random.Random(seed)
    points = [
        (float(minute), 1000.0 + growth * minute + chance.gauss(0.0, noise))
        for minute in range(LOOKS)
    ]
    return Flatness({name: points})


@pytest.mark.parametrize("name", BOUNDS_A_MINUTE)
def test_growth_well_above_its_bound_is_found_in_noise(name: str) -> None:
    bound = BOUNDS_A_MINUTE[name]
    (line,) = looked(name, 2 * bound, noise=5 * bound).growing()
    assert line.startswith(f"{name} grows by ")
    assert line.endswith(f"{bound:g} is allowed")


@pytest.mark.parametrize("name", BOUNDS_A_MINUTE)
@pytest.mark.parametrize("growth", [-3.0, 0.0, 0.9])
def test_growth_below_its_bound_is_none(name: str, growth: float) -> None:
    bound = BOUNDS_A_MINUTE[name]
    assert looked(name, growth * bound, noise=5 * bound).growing() == []


def test_what_grows_only_while_it_settles_is_flat() -> None:
    points = [(float(m), min(m, LOOKS / 3) * 1e6) for m in range(LOOKS)]
    assert Flatness({"front_kib": points}).growing() == []


def test_one_jump_is_no_growth() -> None:
    points = [(float(m), 1e6 if m > LOOKS / 2 else 0.0) for m in range(LOOKS)]
    assert Flatness({"descriptors": points}).growth()["descriptors"].low == 0.0
    assert Flatness({"descriptors": points}).growing() == []


def test_only_what_grows_is_named() -> None:
    both = Flatness({**looked("threads", 5.0).series, **looked("descriptors", 0.0).series})
    assert [line.split()[0] for line in both.growing()] == ["threads"]


def test_too_few_looks_are_refused() -> None:
    with pytest.raises(ValueError, match="too few for a slope"):
        Flatness({"threads": [(0.0, 1.0), (1.0, 1.0)]}).growing()


def test_a_living_process_has_memory_and_threads_and_a_dead_one_nothing() -> None:
    assert private_kib(os.getpid()) > 1024
    assert threads_of(os.getpid()) >= 1
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait(60)
    assert (private_kib(process.pid), threads_of(process.pid)) == (0.0, 0.0)
