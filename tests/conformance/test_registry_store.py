"""The store of this machine keeps the contract of registries."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime.testing.registry_conformance import CHECKS
from tests.conformance.store_stand import StoreStand


@pytest.mark.parametrize("check", CHECKS)
def test_keeps_the_contract(check: str, tmp_path: Path) -> None:
    CHECKS[check](StoreStand(tmp_path))
