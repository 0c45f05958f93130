"""A folder of models keeps the contract of registries."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime.testing.registry_conformance import CHECKS, check_source
from tests.conformance.folder_stand import FolderStand


@pytest.mark.parametrize("check", CHECKS)
def test_keeps_the_contract(check: str, tmp_path: Path) -> None:
    CHECKS[check](FolderStand(tmp_path))


def test_one_folder_keeps_it_all(tmp_path: Path) -> None:
    check_source(FolderStand(tmp_path))
