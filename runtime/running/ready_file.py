"""The file that says that a server is ready, and where."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping


def ready_text(
    addresses: Mapping[str, str],
    more: Mapping[str, object],
    ready_after_s: float,
    models: Mapping[str, str],
) -> str:
    """Return its JSON: where the server listens, since how long, and its models' states."""
    told = {
        "pid": os.getpid(),
        **addresses,
        **more,
        "ready_after_s": ready_after_s,
        "models": dict(models),
    }
    return json.dumps(told, indent=1) + "\n"
