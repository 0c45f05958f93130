"""What all tests of backends need."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from runtime.backends.torch_types import INFERENCE


@pytest.fixture(autouse=True)
def ordinary_mode() -> Iterator[None]:
    """Leave inference mode, which backends that a test does not close keep on."""
    yield
    torch = sys.modules.get("torch")
    while torch is not None and torch.is_inference_mode_enabled():
        INFERENCE.leave()
