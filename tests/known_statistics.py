"""Known answers of statistics, and the wheel that some of them are of."""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from runtime.testing.nannyml_data import WHEEL, find_wheel

ROOT = Path(__file__).resolve().parents[1]
WHEELS = ROOT / "build" / "nannyml"


@cache
def known() -> Any:
    """Return answers computed by scipy, scikit-learn, fairlearn and nannyml."""
    return json.loads((ROOT / "tests" / "data" / "known_statistics.json").read_text())


def wheel_or_skip() -> Path:
    """Return nannyml's wheel: in CI it is downloaded, elsewhere it must be there."""
    if not (WHEELS / WHEEL).exists() and not os.environ.get("CI"):
        pytest.skip(f"needs {WHEEL} in build/nannyml; with CI set it is downloaded")
    return find_wheel(WHEELS)
