"""A registry of each test's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.registry.registry import Registry
from tests.unit.registry.made import Clock, registry_in


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def registry(tmp_path: Path, clock: Clock) -> Iterator[Registry]:
    registry = registry_in(tmp_path / "registry", clock=clock)
    yield registry
    registry.store.close()
