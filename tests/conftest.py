"""Fixtures that every folder of tests may use; a fixture here is a resource or a seed."""

from __future__ import annotations

import os

import numpy as np
import pytest


@pytest.fixture
def rng() -> np.random.Generator:
    """A generator with the same stream in every run."""
    return np.random.default_rng(20_261_123)


@pytest.fixture(scope="session")
def fuzz_seconds() -> float:
    """How long one mutation test goes on; a moment unless `make fuzz` asks for more."""
    return float(os.environ.get("LEEBOARD_FUZZ_SECONDS", "1"))


@pytest.fixture(scope="session")
def soak_seconds() -> float:
    """How long one soak test goes on."""
    return float(os.environ.get("LEEBOARD_SOAK_SECONDS", "60"))
