"""Fixtures that every folder of tests may use; a fixture here is a resource or a seed."""

from __future__ import annotations

import os
from collections.abc import Generator

import numpy as np
import pytest


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Write half characters out in what a test printed: reports travel as UTF-8."""
    report = yield
    report.sections = [
        (name, text.encode(errors="backslashreplace").decode())
        for name, text in report.sections
    ]
    return report


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
